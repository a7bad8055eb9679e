import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildScriptedRepository, scriptedAuthors } from "../../fixtures/scripted-repository/build.ts";
import { temporaryRepository } from "../../fixtures/scripted-repository/temporary.ts";
import { authorKey } from "../../server/core/identity.ts";
import { fingerprint } from "../dataset/fingerprint.ts";
import type { Instance } from "../dataset/instance.ts";
import { type Mining, mine } from "./mine.ts";

const secret = new Uint8Array(32).fill(1);

async function mineAll(folder: string, watermark: string | null = null): Promise<{ mining: Mining; instances: Instance[] }> {
	const mining = await mine({ folder, ref: "HEAD", repository: "git.acme.example/acme/shop", organization: "acme", secret, watermark });
	const instances: Instance[] = [];
	for await (const instance of mining.instances) instances.push(instance);
	return { mining, instances };
}

describe("the scripted repository", () => {
	let folder: string;
	let mining: Mining;
	let instances: Instance[];

	beforeAll(async () => {
		folder = await mkdtemp(join(tmpdir(), "idiolect-scripted-"));
		await buildScriptedRepository(folder, { commits: 200 });
		({ mining, instances } = await mineAll(folder));
	});

	afterAll(() => rm(folder, { recursive: true }));

	test("gives enough instances of every author", () => {
		expect(instances.length).toBeGreaterThan(600);
		expect(instances).toHaveLength(mining.summary.instances);
		for (const { email, name } of Object.values(scriptedAuthors)) {
			const author = authorKey(email, secret);
			expect(instances.filter((instance) => instance.author === author).length).toBeGreaterThan(120);
			expect(mining.people.get(author)).toBe(`${name} <${email}>`);
		}
		expect(new Set(instances.map(({ author }) => author)).size).toBe(3);
		expect(new Set(instances.map(({ language }) => language))).toEqual(new Set(["java", "python"]));
	});

	test("leaves out bots, mass changes, tests, generated files and secrets, and counts them", () => {
		expect(instances.filter(({ target, prefix }) => `${prefix}${target}`.includes("MustNotBeMined"))).toEqual([]);
		const { commits, files, holes } = mining.summary.dropped;
		expect(commits).toEqual({ bot: 1, mass: 1, noAddress: 0 });
		expect(files).toMatchObject({ test: 1, generated: 1 });
		expect(holes.secret).toBeGreaterThan(0);
	});

	test("joins the addresses that the mailmap joins, by key", () => {
		expect([...mining.aliases]).toEqual([[authorKey("bruno@home.example", secret), authorKey("bruno@acme.example", secret)]]);
	});

	test("every instance is what its columns say", async () => {
		expect(new Set(instances.map(({ id }) => id)).size).toBe(instances.length);
		for (const instance of instances) {
			expect(instance.targetTokens).toBeGreaterThanOrEqual(3);
			expect(instance.targetTokens).toBeLessThanOrEqual(50);
			expect(instance.target.split("\n").length).toBeLessThanOrEqual(3);
			expect(instance.target).toBe(instance.target.trim());
			expect(instance.scopeStart).toBeLessThan(instance.holeStart);
			expect(instance.scopeEnd).toBeGreaterThan(instance.holeEnd);
			expect(Date.parse(instance.commitDate)).not.toBeNaN();
		}
		for (const { commit, path, blob, prefix, target, suffix, holeStart, holeEnd } of instances.filter((_, index) => index % 100 === 0)) {
			const { stdout } = await execa("git", ["-C", folder, "show", `${commit}:${path}`], { stripFinalNewline: false });
			expect(Buffer.from(stdout).toString("utf8", holeStart, holeEnd)).toBe(target);
			expect(stdout).toContain(`${prefix}${target}${suffix}`);
			expect((await execa("git", ["-C", folder, "rev-parse", `${commit}:${path}`])).stdout).toBe(blob);
		}
	});

	test("comes oldest first and without duplicates", () => {
		const dates = instances.map(({ commitDate }) => commitDate);
		expect(dates).toEqual([...dates].sort());
		expect(new Set(instances.map(fingerprint)).size).toBe(instances.length);
	});

	test("the same history elsewhere, bare, gives the same instances", async () => {
		const clone = join(folder, "..", "idiolect-clone.git");
		try {
			await execa("git", ["clone", "--quiet", "--bare", folder, clone]);
			expect((await mineAll(clone)).instances).toEqual(instances);
		} finally {
			await rm(clone, { recursive: true });
		}
	});

	test("mined in two steps, the second has exactly what is new", async () => {
		const middle = instances[Math.floor(instances.length / 2)]?.commit ?? "";
		const { instances: later, mining: second } = await mineAll(folder, middle);
		const cut = instances.findLastIndex(({ commit }) => commit === middle) + 1;
		const earlier = new Set(instances.slice(0, cut).map(fingerprint));
		expect(later.filter((instance) => !earlier.has(fingerprint(instance)))).toEqual(instances.slice(cut));
		expect({ head: second.head, vanished: second.vanished }).toEqual({ head: mining.head, vanished: [] });
		expect((await mineAll(folder, mining.head)).instances).toEqual([]);
	});

	test("stops on request", async () => {
		const controller = new AbortController();
		const { instances: stream } = await mine({
			folder,
			ref: "HEAD",
			repository: "r",
			organization: "acme",
			secret,
			watermark: null,
			signal: controller.signal,
		});
		const consume = async () => {
			for await (const _ of stream) controller.abort();
		};
		await expect(consume()).rejects.toThrow();
	});

	test("a reader may leave early", async () => {
		const { instances: stream } = await mine({ folder, ref: "HEAD", repository: "r", organization: "acme", secret, watermark: null });
		for await (const instance of stream) {
			expect(instance.organization).toBe("acme");
			break;
		}
	});
});

/** Long enough that no hole is most of it; the comment keeps the body in blocks of its own. */
const padding = Array.from({ length: 4 }, () => "    int a = 1; int b = 2; int c = 3; int d = 4; int e = 5;");
const method = (name: string, ...body: string[]) => [`  void ${name}() {`, ...padding, "    // body", ...body.map((line) => `    ${line}`), "  }"];
const javaClass = (...lines: string[]) => `class A {\n${lines.join("\n")}\n}\n`;

const paths = (instances: readonly Instance[]) => [...new Set(instances.map(({ path }) => path))];

/** What a second commit, made from a first one, gives. */
const changes: [string, string[], string[], string[]][] = [
	["a line that was added", method("f"), method("f", "use(a, b, c);"), ["use(a, b, c);"]],
	["a line that was changed", method("f", "use(a);"), method("f", "use(a, b, c);"), []],
	["lines added next to a changed one", method("f", "use(a);"), method("f", "use(b);", "use(a, b, c);"), []],
	["a line that was removed", method("f", "use(a, b, c);"), method("f"), []],
	["white space alone", method("f", "use(a, b, c);"), method("f", "  use(a, b, c);"), []],
	["characters of several bytes", method("größe", 'say("日本😀");'), method("größe", 'say("日本😀");', 'use("ö", b, c);'), ['use("ö", b, c);']],
];

test.each(changes)("%s", async (_, before, after, expected) => {
	await using repository = await temporaryRepository();
	const first = await repository.commit({ "A.java": javaClass(...before) });
	await repository.commit({ "A.java": javaClass(...after) });
	const { instances } = await mineAll(repository.folder, first);
	expect(instances.map(({ prefix, target }) => `${prefix}${target}`.split("\n").at(-1)?.trim())).toEqual(expected);
	for (const { prefix, target, suffix, holeStart, holeEnd } of instances) {
		expect(`${prefix}${target}${suffix}`).toBe(javaClass(...after));
		expect(Buffer.from(javaClass(...after)).toString("utf8", holeStart, holeEnd)).toBe(target);
	}
});

/** What one more file, or commit, leaves in the summary. */
const oddities: [string, Record<string, string | Uint8Array>, { name?: string; email?: string }, Record<string, unknown>][] = [
	["a file that is not UTF-8", { "A.java": Buffer.from(javaClass(...method("f", 'say("\xff", a, b);')), "latin1") }, {}, { files: { notText: 1 } }],
	["a file that is too large", { "A.java": javaClass(...method("f"), "// padding\n".repeat(100_000)) }, {}, { files: { tooLarge: 1 } }],
	["a file of a vendor", { "vendor/A.java": javaClass(...method("f", "use(a, b, c);")) }, {}, { files: { foreign: 1 } }],
	["an author without an address", { "A.java": javaClass(...method("f", "use(a, b, c);")) }, { email: "" }, { commits: { noAddress: 1 } }],
	["a bot", { "A.java": javaClass(...method("f", "use(a, b, c);")) }, { name: "renovate[bot]" }, { commits: { bot: 1 } }],
	["a file that is not mined", { "A.txt": "use(a, b, c);" }, {}, {}],
	["a name that Git quotes", { 'a "b" ö.java': javaClass(...method("f", "use(a, b, c);")) }, {}, {}],
];

test("an ordinary file of an ordinary author is mined", async () => {
	await using repository = await temporaryRepository();
	await repository.commit({ "A.java": javaClass(...method("f", "use(a, b, c);")) });
	const { instances, mining } = await mineAll(repository.folder);
	expect(instances.length).toBeGreaterThan(1);
	expect(mining.summary).toMatchObject({ commits: 1, files: 1, instances: instances.length });
});

test.each(oddities)("%s is left out", async (_, files, author, dropped) => {
	await using repository = await temporaryRepository();
	await repository.commit(files, author);
	const { instances, mining } = await mineAll(repository.folder);
	expect(instances).toEqual([]);
	expect(mining.summary.dropped).toMatchObject(dropped);
});

test("a path with blanks and foreign letters is mined", async () => {
	await using repository = await temporaryRepository();
	await repository.commit({ "src/größe 日本/A b.java": javaClass(...method("f", "use(a, b, c);")) });
	expect(paths((await mineAll(repository.folder)).instances)).toEqual(["src/größe 日本/A b.java"]);
});

test("a file that was moved and extended is not taken for new", async () => {
	await using repository = await temporaryRepository();
	const lines = method("f", "use(a, b, c);", "use(b, c, d);");
	const first = await repository.commit({ "A.java": javaClass(...lines) });
	await repository.commit({ "A.java": null, "moved/A.java": javaClass(...lines, ...method("g", "use(c, d, e);")) });
	expect((await mineAll(repository.folder, first)).instances).toEqual([]);
});

test("context is cut at 12 KB, at a character", async () => {
	await using repository = await temporaryRepository();
	const around = Array.from({ length: 600 }, () => "    // 日本日本日本日本日本");
	const text = javaClass(...around, ...method("f", "use(a, b, c);"), ...around);
	await repository.commit({ "A.java": text });
	const [instance] = (await mineAll(repository.folder)).instances;
	for (const side of [instance?.prefix ?? "", instance?.suffix ?? ""]) {
		expect(Buffer.byteLength(side)).toBeLessThanOrEqual(12_288);
		expect(Buffer.byteLength(side)).toBeGreaterThan(12_284);
		expect(side).not.toContain("\ufffd");
	}
	expect(text).toContain(`${instance?.prefix}${instance?.target}${instance?.suffix}`);
});

test("a rewritten history names what vanished and mines what took its place", async () => {
	await using repository = await temporaryRepository();
	await repository.commit({ "A.java": javaClass(...method("f", "use(a, b, c);")) });
	const rewritten = await repository.commit({ "B.java": javaClass(...method("g", "use(b, c, d);")) });
	const { instances: before, mining } = await mineAll(repository.folder);
	await repository.git("reset", "--quiet", "--hard", "HEAD~1");
	const instead = await repository.commit({ "C.java": javaClass(...method("h", "use(c, d, e);")) });
	const { instances: after, mining: again } = await mineAll(repository.folder, mining.head);
	expect(paths(before)).toEqual(["A.java", "B.java"]);
	expect(again.vanished).toEqual([rewritten]);
	expect(paths(after)).toEqual(["C.java"]);
	expect(new Set(after.map(({ commit }) => commit))).toEqual(new Set([instead]));
});
