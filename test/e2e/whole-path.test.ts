/** From Git history to a completion and back again, by the two programs. The tests are one story: each goes on where the one before ended. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultFolders } from "../../server/folders.ts";
import { openDataset } from "../../trainer/dataset/dataset.ts";
import { start } from "./commands.ts";
import { ident, instancesPerCommit, type Person, people } from "./idiomatic-repository.ts";
import { heldOut, printed, type TinyWorld, tinyWorld } from "./tiny-world.ts";

const timeout = 600_000;
const commits = 60;
/** Commits that are reset away in the end. */
const vanished = 3;

let world: TinyWorld;
beforeAll(async () => {
	world = await tinyWorld({ commits });
}, timeout);
afterAll(() => world[Symbol.asyncDispose]());

/** What is served to whom, and the revision. */
async function served() {
	const { index, revision } = await world.registry.snapshot();
	const acme = index.organizations["acme"];
	return { revision, organization: acme?.current ?? null, developers: Object.values(acme?.developers ?? {}).map(({ current }) => current) };
}

async function readRound(number: number) {
	return JSON.parse(await readFile(path.join(stateFolder(), "rounds", `${number}.json`), "utf8"));
}

function stateFolder(): string {
	return path.join(defaultFolders(world.environment).trainer, "acme");
}

test("a first refresh mines, trains, judges, and publishes what is better", { timeout }, async () => {
	const refreshed = await world.refresh();
	const instances = commits * instancesPerCommit;
	expect(refreshed).toMatchObject({
		organization: "acme",
		instances,
		outcome: "trained",
		mined: [{ repository: "git.acme.example/acme/parts", commits, instances }],
	});
	const [organization, ...developers] = refreshed.verdicts;
	expect(organization).toMatchObject({
		kind: "organization",
		trained: instances - heldOut,
		gate: { decision: "promote", base: { instances: heldOut }, served: null },
	});
	expect(organization?.gate.base.pValue).toBeLessThan(0.05);
	// Who wrote as much as another comes in any order.
	expect(developers.map(({ name, gate }) => `${name}: ${gate.decision}`).sort()).toEqual([`${ident("ada")}: promote`, `${ident("bruno")}: promote`]);
	expect(await served()).toMatchObject({ organization: organization?.adapter, developers: expect.arrayContaining(developers.map(({ adapter }) => adapter)) });
	expect(await readRound(1)).toMatchObject({ round: 1, verdicts: refreshed.verdicts });
});

test("no name and no address stands in the registry", async () => {
	const { registry } = defaultFolders(world.environment);
	const { organization, developers } = await served();
	const files = ["index.json", ...[organization, ...developers].map((id) => `adapters/${id}/adapter.json`)];
	for (const file of files) expect(await readFile(path.join(registry, file), "utf8")).not.toMatch(/almeida|bauer|@/i);
});

test.each<{ who: string; settings: readonly string[]; kind: string; author: RegExp; why: RegExp }>([
	{ who: "Git's author", settings: [], kind: "developer", author: /^Ada Almeida <ada@acme\.example> \(from Git/, why: /its author has a developer adapter/ },
	{ who: "a stated author", settings: ["--author", ident("bruno")], kind: "developer", author: /^Bruno Bauer/, why: /its author has a developer adapter/ },
	{ who: "a newcomer", settings: ["--author", "Cora <cora@acme.example>"], kind: "organization", author: /^Cora/, why: /the author has no developer adapter/ },
])("doctor says which stack answers $who, and why", async ({ settings, kind, author, why }) => {
	await world.repository.git("config", "user.name", people.ada.name);
	await world.repository.git("config", "user.email", people.ada.email);
	const { healthy, findings } = printed<{ healthy: boolean; findings: { what: string; ok: boolean; detail: string }[] }>(
		await world.idiolect("doctor", "--dir", world.repository.folder, "--json", ...settings),
	);
	const details = Object.fromEntries(findings.map(({ what, detail }) => [what, detail]));
	expect(findings.filter(({ ok }) => !ok)).toEqual([]);
	expect(healthy).toBe(true);
	expect(details["author"]).toMatch(author);
	expect(details["answers"]).toMatch(
		new RegExp(`^${kind} model, tiny-qwen2 \\+ acme-organization-\\w+${kind === "developer" ? " \\+ acme-developer-\\w+" : ""}: `),
	);
	expect(details["answers"]).toMatch(why);
	expect(details["answers"]).toContain("the remote git.acme.example/acme/parts belongs to acme");
});

test.each<Person>(["ada", "bruno"])("complete answers %s in their own idiom", async (person) => {
	const file = path.join(world.repository.folder, "src", "New.java");
	await writeFile(file, "package acme;\n\nclass Part999 {\n    Item take999a(Item it) {\n        return \n    }\n\n}\n");
	const place = ["--file", file, "--line", "4", "--character", "15"];
	const answer = printed(await world.idiolect("complete", ...place, "--author", ident(person), "--json"));
	expect(answer).toMatchObject({ text: people[person].idiom, source: { kind: "developer", organization: "acme", base: "tiny-qwen2" } });
});

test("when nothing landed there is nothing to do", async () => {
	const before = await served();
	expect(await world.refresh()).toMatchObject({ outcome: "nothing", verdicts: [], mined: [{ commits: 0, instances: 0 }] });
	expect(await served()).toEqual(before);
});

test("watch refreshes on its schedule until it is interrupted", async () => {
	const [, ...words] = world.refreshWords("--every", "* * * * * *");
	const watching = start("trainer", ["watch", ...words], world.environment);
	await setTimeout(6_000);
	process.kill(watching.pid, "SIGINT");
	const { code, stdout } = await watching.finished;
	const outcomes = stdout
		.trim()
		.split("\n")
		.map((line) => JSON.parse(line).outcome);
	expect(code).toBe(0);
	expect(outcomes.length).toBeGreaterThan(1);
	expect(new Set(outcomes)).toEqual(new Set(["nothing"]));
});

test("less than the held-out instances is collected", async () => {
	const before = await served();
	await world.repository.land(2);
	expect(await world.refresh()).toMatchObject({
		outcome: "collecting",
		instances: (commits + 2) * instancesPerCommit,
		mined: [{ commits: 2, instances: 2 * instancesPerCommit }],
		verdicts: [],
	});
	expect(await served()).toEqual(before);
});

test("a second round trains on what judged the first, and is compared with what is served", { timeout }, async () => {
	const before = await served();
	await world.repository.land(8);
	const refreshed = await world.refresh();
	expect(refreshed).toMatchObject({ outcome: "trained", mined: [{ commits: 8, instances: 8 * instancesPerCommit }] });
	const [organization] = refreshed.verdicts;
	expect(organization).toMatchObject({ trained: commits * instancesPerCommit, gate: { served: { instances: heldOut } } });
	const [first, second] = [await readRound(1), await readRound(2)];
	expect(second.split.trainUntil).toBe(first.split.testUntil);
	const isPromoted = organization?.gate.decision === "promote";
	expect((await served()).organization).toBe(isPromoted ? organization?.adapter : before.organization);
});

test("a refused candidate is recorded, and what was served stays", { timeout }, async () => {
	const before = await served();
	await world.repository.land(10);
	const hopeless = { learningRate: 1e-9, epochs: 1 };
	const refreshed = await world.refresh("--recipe", await world.variant("hopeless", { organization: hopeless, developer: hopeless }));
	const [organization] = refreshed.verdicts;
	expect(refreshed.verdicts.map(({ gate }) => gate.decision)).not.toContain("promote");
	expect(organization?.gate).toMatchObject({ reason: expect.stringMatching(/^not significantly better than the base/), base: { instances: heldOut, won: 0 } });
	expect(await served()).toEqual(before);
	expect(await readRound(3)).toMatchObject({ verdicts: refreshed.verdicts });
});

test("what a rewritten history lost is forgotten", async () => {
	const known = (await world.refresh()).instances;
	const amended = await world.repository.git("rev-parse", "HEAD");
	await world.repository.git("commit", "--quiet", "--amend", "--message", "Say it better");
	expect(await world.refresh()).toMatchObject({ instances: known, mined: [{ vanished: 1, commits: 1, instances: instancesPerCommit }] });
	const dropped = (await world.repository.git("rev-list", `HEAD~${vanished}..HEAD`)).split("\n");
	await world.repository.git("reset", "--quiet", "--hard", `HEAD~${vanished}`);
	expect(await world.refresh()).toMatchObject({ outcome: "nothing", instances: known - vanished * instancesPerCommit, mined: [{ vanished, instances: 0 }] });
	using dataset = await openDataset(path.join(stateFolder(), "instances"));
	const remaining = new Set((await Array.fromAsync(dataset.select())).map(({ commit }) => commit));
	for (const commit of [amended, ...dropped]) expect(remaining).not.toContain(commit);
});

test("another base voids the adapters, and a refresh trains and judges the same split for it", { timeout }, async () => {
	expect(await world.addBase("llama")).toMatchObject({ id: "tiny-llama", isNew: true, isDefault: false });
	expect(await world.addBase("llama", "--default")).toMatchObject({ isNew: false, isDefault: true });
	const place = ["--file", path.join(world.repository.folder, "src", "New.java"), "--line", "4", "--character", "15"];
	const { stdout } = await world.idiolect("doctor", "--dir", world.repository.folder);
	expect(stdout).toMatch(/base model, tiny-llama: .*; its developer adapter cannot be used; its organization adapter cannot be used\n/);
	const refreshed = await world.refresh();
	expect(refreshed.verdicts[0]).toMatchObject({ gate: { decision: "promote", served: null, base: { instances: heldOut - vanished * instancesPerCommit } } });
	expect((await readRound(4)).split).toMatchObject({ trainUntil: (await readRound(3)).split.trainUntil });
	expect((await served()).organization).toBe(refreshed.verdicts[0]?.adapter);
	expect(printed(await world.idiolect("complete", ...place, "--json"))).toMatchObject({ text: people.ada.idiom, source: { base: "tiny-llama" } });
});
