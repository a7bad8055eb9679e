/** `kill -9` of a refresh, again and again: the registry stays whole, nothing is left running, and the next refresh goes on from there. */
import { readdir, readFile, stat, utimes } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../../fixtures/scripted-repository/random.ts";
import { defaultFolders } from "../../server/folders.ts";
import { openRegistry } from "../../server/registry/registry.ts";
import { start } from "./commands.ts";
import { printed, type TinyWorld, tinyWorld } from "./tiny-world.ts";

const timeout = 1_200_000;
const kills = 20;
const random = new Random(1);

let world: TinyWorld;
beforeAll(async () => {
	world = await tinyWorld();
}, timeout);
afterAll(() => world[Symbol.asyncDispose]());

function stateFolder(organization: string): string {
	return path.join(defaultFolders(world.environment).trainer, organization);
}

/** Steps trained and instances answered, over all runs and evaluations that an organization's state holds. */
async function progress(organization: string): Promise<number> {
	const folder = stateFolder(organization);
	const files = (await readdir(folder, { recursive: true }).catch(() => [])).filter((name) => name.endsWith(".jsonl"));
	const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), "utf8")));
	return texts.reduce((sum, text) => sum + text.split("\n").filter((line) => line !== "").length, 0);
}

/** Whether its one round is. */
async function isFinished(organization: string): Promise<boolean> {
	const state = await readFile(path.join(stateFolder(organization), "state.json"), "utf8").catch(() => "{}");
	return JSON.parse(state).rounds === 1;
}

async function childrenOf(pid: number): Promise<string[]> {
	const { stdout } = await execa("ps", ["-A", "-o", "pid=,ppid="]);
	const processes = stdout.split("\n").map((line) => line.trim().split(/\s+/));
	return processes.filter(([, parent]) => parent === String(pid)).map(([child = ""]) => child);
}

/** A process that has ended may stay listed until it is waited for. */
async function isRunning(pid: string): Promise<boolean> {
	const { stdout } = await execa("ps", ["-o", "stat=", "-p", pid], { reject: false });
	return stdout.trim() !== "" && !stdout.trim().startsWith("Z");
}

/** As if the time had passed after which a lock that nobody renews is void. */
async function ageLock(folder: string): Promise<void> {
	const lock = path.join(folder, ".lock");
	const longAgo = new Date(Date.now() - 60_000);
	if ((await stat(lock).catch(() => null)) !== null) await utimes(lock, longAgo, longAgo);
}

/** All that the index names is there, to the last byte. */
async function expectWholeRegistry(): Promise<void> {
	const registry = openRegistry(world.registry.folder);
	const { index } = await registry.snapshot();
	await registry.base(index.base ?? "", { verify: true });
	const slots = Object.values(index.organizations).flatMap(({ current, previous, developers }) => [{ current, previous }, ...Object.values(developers)]);
	for (const id of slots.flatMap(({ current, previous }) => (current === null ? previous : [current, ...previous]))) await registry.adapter(id);
}

test(`${kills} kills at random moments`, { timeout }, async () => {
	const measured = performance.now();
	await world.refresh("--organization", "acme-measured");
	let whole = performance.now() - measured;
	// A round that is finished before its kill makes room for the next organization's.
	let round = { organization: "acme-0", done: 0 };
	let rounds = 1;
	for (let killed = 0; killed < kills; ) {
		const started = performance.now();
		const refreshing = start("trainer", world.refreshWords("--organization", round.organization), world.environment);
		const finished = await Promise.race([refreshing.finished, setTimeout(random.next() * whole)]);
		if (finished === undefined) {
			const children = await childrenOf(refreshing.pid);
			refreshing.kill();
			await refreshing.finished;
			killed++;
			await expect.poll(async () => (await Promise.all(children.map(isRunning))).includes(true), { timeout: 30_000, interval: 200 }).toBe(false);
			await ageLock(stateFolder(round.organization));
			await ageLock(world.registry.folder);
		} else {
			printed(finished);
			// A busy machine may have become an idle one since.
			if (round.done === 0) whole = Math.min(whole, performance.now() - started);
		}
		await expectWholeRegistry();
		if (await isFinished(round.organization)) {
			expect((await world.registry.snapshot()).index.organizations[round.organization]?.current).toMatch(/^acme-/);
			round = { organization: `acme-${rounds++}`, done: 0 };
		} else {
			// A step is written down before the checkpoint that it can be resumed from.
			const done = await progress(round.organization);
			expect(done).toBeGreaterThanOrEqual(round.done - 1);
			round.done = done;
		}
	}
	const { verdicts } = await world.refresh("--organization", round.organization);
	expect(verdicts.map(({ gate }) => gate.decision)).toEqual(["promote", "promote", "promote"]);
	await expectWholeRegistry();
});

test("the next refresh waits until a killed one's lock is void, and goes on", { timeout }, async () => {
	const words = world.refreshWords("--organization", "acme-locked");
	const refreshing = start("trainer", words, world.environment);
	await expect.poll(() => stat(path.join(stateFolder("acme-locked"), ".lock")).catch(() => null), { timeout }).not.toBeNull();
	refreshing.kill();
	await refreshing.finished;
	expect(printed(await world.trainer(...words))).toMatchObject({ outcome: "trained" });
});

test.each<[string, (file: string) => boolean]>([
	["mining", (file) => file.startsWith(".lock")],
	["training", (file) => file.endsWith("metrics.jsonl")],
	["judging", (file) => file.startsWith("evaluations/")],
])("an interrupt while %s ends with one sentence, and the next refresh goes on", { timeout }, async (moment, isBegun) => {
	const words = world.refreshWords("--organization", moment);
	const refreshing = start("trainer", words, world.environment);
	const begun = async () => (await readdir(stateFolder(moment), { recursive: true }).catch(() => [])).some(isBegun);
	await expect.poll(begun, { timeout, interval: 20 }).toBe(true);
	process.kill(refreshing.pid, "SIGINT");
	expect(await refreshing.finished).toEqual({
		code: 130,
		stdout: "",
		stderr: `\nStopping at the next checkpoint; press Ctrl-C again to stop at once.\nidiolect-trainer: stopped on request: run the same command again to continue\n`,
	});
	const done = await progress(moment);
	const { outcome, verdicts } = await world.refresh("--organization", moment);
	expect({ outcome, decision: verdicts[0]?.gate.decision }).toEqual({ outcome: "trained", decision: "promote" });
	expect(done > 0).toBe(moment !== "mining");
});
