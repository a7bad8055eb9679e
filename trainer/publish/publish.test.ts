import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { Fault } from "../../server/core/fault.ts";
import { readAuthorKey } from "../../server/registry/author-key.ts";
import { openRegistry } from "../../server/registry/registry.ts";
import { stageAdapter, stageBase } from "../../server/registry/samples.ts";
import { createAuthorKey } from "./author-key.ts";
import { withPublishLock } from "./lock.ts";
import { promote, rollBack } from "./promote.ts";
import { listFiles, publishAdapter, publishBase } from "./publish.ts";
import { updateIndex } from "./update-index.ts";

const unrecognized = { remotes: [], authors: [], aliases: {} };

async function temporaryFolder(): Promise<string> {
	return await mkdtemp(path.join(tmpdir(), "publish-"));
}

/** A registry that serves a base. */
async function registryWithBase(folder?: string): Promise<{ registry: string; base: string }> {
	const registry = path.join(folder ?? (await temporaryFolder()), "registry");
	const staged = await temporaryFolder();
	const manifest = await stageBase(staged, "source");
	await withPublishLock(registry, async (lock) => {
		await publishBase(lock, staged, manifest);
		await updateIndex(lock, 0, (index) => ({ ...index, base: manifest.digest }));
	});
	return { registry, base: manifest.digest };
}

/** Publishes and promotes an adapter as a trainer does. */
async function publishSample(registry: string, base: string, id: string, author: string | null = null): Promise<void> {
	const staged = await temporaryFolder();
	const manifest = await stageAdapter(staged, { id, base, author });
	await withPublishLock(registry, async (lock) => {
		await publishAdapter(lock, staged, manifest);
		const { revision } = await openRegistry(registry).snapshot();
		await promote(lock, revision, manifest, {
			remotes: [`example.org/${id}`],
			authors: ["colleague"],
			aliases: author === null ? {} : { [`alias of ${author}`]: author },
		});
	});
}

async function faultOf(work: Promise<unknown>): Promise<string> {
	const error: unknown = await work.then(
		() => "no error",
		(error: unknown) => error,
	);
	if (!(error instanceof Fault)) return String(error);
	expect(error.message).not.toContain("\n");
	return `${error.code}: ${error.message}`;
}

async function leftovers(registry: string): Promise<string[]> {
	return (await readdir(registry)).filter((name) => name.startsWith("."));
}

test("publications are served in order, and rolled back in the opposite one", async () => {
	const { registry, base } = await registryWithBase();
	const reader = openRegistry(registry);
	await publishSample(registry, base, "org-1");
	await publishSample(registry, base, "org-2");
	await publishSample(registry, base, "dev-1", "author");
	const { index, revision } = await reader.snapshot();
	expect(revision).toBe(4);
	expect(index.organizations).toEqual({
		apache: {
			current: "org-2",
			previous: ["org-1"],
			remotes: ["example.org/dev-1", "example.org/org-1", "example.org/org-2"],
			developers: { author: { current: "dev-1", previous: [] }, colleague: { current: null, previous: [] } },
		},
	});
	expect(index.aliases).toEqual({ "alias of author": "author" });
	for (const id of ["org-1", "org-2", "dev-1"]) expect((await reader.adapter(id)).manifest.id).toBe(id);

	const back = (whose: { author?: string }) => withPublishLock(registry, (lock) => rollBack(lock, { organization: "apache", ...whose }));
	expect(await back({})).toMatchObject({ from: "org-2", to: "org-1", index: { organizations: { apache: { current: "org-1", previous: [] } } } });
	expect(await back({ author: "author" })).toMatchObject({ from: "dev-1", to: null });
	expect(await back({})).toMatchObject({ from: "org-1", to: null });
	expect(await faultOf(back({}))).toMatch(/^registry: nothing is served to organization apache/);
	expect(await faultOf(back({ author: "stranger" }))).toMatch(/^registry: nothing is served to this developer of apache/);
	expect((await reader.snapshot()).revision).toBe(7);
	expect(await leftovers(registry)).toEqual([]);
});

test("promoting an older adapter again does not list it twice", async () => {
	const { registry, base } = await registryWithBase();
	await publishSample(registry, base, "org-1");
	await publishSample(registry, base, "org-2");
	const { manifest } = await openRegistry(registry).adapter("org-1");
	const index = await withPublishLock(registry, (lock) => promote(lock, 3, manifest, unrecognized));
	expect(index.organizations["apache"]).toMatchObject({ current: "org-1", previous: ["org-2"] });
});

test("refuses what would break a reader, and changes nothing", async () => {
	const { registry, base } = await registryWithBase();
	await publishSample(registry, base, "org-1");
	const before = await readFile(path.join(registry, "index.json"), "utf8");
	const staged = await temporaryFolder();
	const manifest = await stageAdapter(staged, { id: "org-2", base });
	const publish = (change: object) => withPublishLock(registry, (lock) => publishAdapter(lock, staged, { ...manifest, ...change }));
	expect(await faultOf(publish({ id: "org-1" }))).toMatch(/^registry: adapter org-1 is published already/);
	await writeFile(path.join(staged, "adapter_model.safetensors"), "Weights of org-2");
	expect(await faultOf(publish({}))).toMatch(/^registry: org-2 was not published because adapter_model\.safetensors has another SHA-256/);
	await expect(publish({ id: "../org-2" })).rejects.toThrow();
	const other = { ...manifest, base: "f".repeat(64) };
	expect(await faultOf(withPublishLock(registry, (lock) => promote(lock, 2, other, unrecognized)))).toMatch(
		/^adapter: adapter org-2 was trained on another base/,
	);
	expect(await faultOf(withPublishLock(registry, (lock) => updateIndex(lock, 1, (index) => index)))).toMatch(
		/^registry: .* is at revision 2 instead of 1: somebody else/,
	);
	expect(await readFile(path.join(registry, "index.json"), "utf8")).toBe(before);
	expect(await readdir(path.join(registry, "adapters"))).toEqual(["org-1"]);
	expect(await leftovers(registry)).toEqual([]);
});

test("a base is moved, an adapter copied, and a base that is there already stays", async () => {
	const { registry, base } = await registryWithBase();
	const staged = await temporaryFolder();
	const again = await stageBase(staged, "source");
	expect(again.digest).toBe(base);
	const files = await listFiles(staged);
	expect(files).toEqual(again.files);
	await withPublishLock(registry, (lock) => publishBase(lock, staged, again));
	expect(await listFiles(staged)).toEqual(files);
	const other = await stageBase(staged, "another source");
	await withPublishLock(registry, (lock) => publishBase(lock, staged, other));
	expect(await readdir(staged)).toEqual([]);
	expect((await openRegistry(registry).base(other.digest, { verify: true })).manifest).toEqual(other);
});

test("publishers at once take turns", async () => {
	const { registry, base } = await registryWithBase();
	const ids = ["a", "b", "c", "d"];
	await Promise.all(ids.map((id) => publishSample(registry, base, id)));
	const { index, revision } = await openRegistry(registry).snapshot();
	expect(revision).toBe(5);
	const slot = index.organizations["apache"];
	expect([slot?.current, ...(slot?.previous ?? [])].sort()).toEqual(ids);
});

const modules = ["../../server/registry/registry.ts", "../../server/registry/samples.ts", "./lock.ts", "./promote.ts", "./publish.ts"];
const imports = modules.map((file) => `import * as m${modules.indexOf(file)} from ${JSON.stringify(new URL(file, import.meta.url).href)};`).join("\n");
const publishingProgram = `${imports}
import { randomBytes } from "node:crypto";
import { once } from "node:events";
const { openRegistry, stageAdapter, withPublishLock, promote, publishAdapter } = { ...m0, ...m1, ...m2, ...m3, ...m4 };
const [registry, staging, base, hold] = process.argv.slice(1);
process.stdout.write("ready\\n");
await once(process.stdin, "data");
while (true) {
	const id = randomBytes(4).toString("hex");
	const manifest = await stageAdapter(staging + "/" + id, { id, base });
	await withPublishLock(registry, async (lock) => {
		process.stdout.write("locked\\n");
		if (hold) await new Promise(() => setInterval(() => {}, 1000));
		await publishAdapter(lock, staging + "/" + id, manifest);
		const { revision } = await openRegistry(registry).snapshot();
		await promote(lock, revision, manifest, { remotes: [], authors: [], aliases: {} });
	});
}`;

/** Another process that publishes for ever once told to, or only holds the lock. */
async function startPublisher(
	registry: string,
	base: string,
	mode: "publish" | "hold",
): Promise<{ child: ChildProcess; go: () => void; locked: Promise<unknown> }> {
	const options = ["--input-type=module", "--disable-warning=ExperimentalWarning", "--eval", publishingProgram, registry, await temporaryFolder(), base];
	if (mode === "hold") options.push("hold");
	const child = spawn(process.execPath, options, { stdio: ["pipe", "pipe", "inherit"] });
	const said = async () => {
		const [chunk] = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
		if (!Buffer.isBuffer(chunk)) throw new Error(`the publisher ended with ${chunk}`);
	};
	await said();
	return { child, go: () => child.stdin.write("go\n"), locked: said() };
}

async function kill(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null) throw new Error(`the publisher ended by itself with ${child.exitCode}`);
	const exit = once(child, "exit");
	child.kill("SIGKILL");
	await exit;
}

describe.concurrent("whatever dies when", () => {
	test("a reader sees the old state or the new one", { timeout: 60_000 }, async ({ expect }) => {
		const { registry, base } = await registryWithBase();
		const start = Date.now();
		await publishSample(registry, base, "first");
		const duration = Date.now() - start;
		let killing = true;
		const read = async () => {
			let reads = 0;
			const revisions: number[] = [];
			const lasting = openRegistry(registry);
			while (killing) {
				for (const reader of [lasting, openRegistry(registry)]) {
					const { index, revision } = await reader.snapshot();
					const slot = index.organizations["apache"];
					if (slot?.current != null) await reader.adapter(slot.current);
					for (const id of slot?.previous ?? []) await lasting.adapter(id);
					if (revision !== revisions.at(-1)) revisions.push(revision);
					reads++;
				}
				await setTimeout(1); // leaves the processor to the publishers
			}
			expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
			return { reads, revisions: revisions.length };
		};
		const reading = read();
		try {
			let next = startPublisher(registry, base, "publish");
			for (let round = 0; round < 24; round++) {
				const publisher = await next;
				if (round < 23) next = startPublisher(registry, base, "publish");
				publisher.go();
				await publisher.locked;
				await setTimeout(Math.random() * 2 * duration); // before, in and between publications
				await kill(publisher.child);
				// A lock whose holder is dead is taken over after seconds; that is waited for in the next test.
				await rm(path.join(registry, ".lock"), { recursive: true, force: true });
			}
		} finally {
			killing = false;
		}
		const seen = await reading;
		expect(seen.reads).toBeGreaterThan(24);
		expect(seen.revisions).toBeGreaterThan(3);
		await publishSample(registry, base, "after-all");
		expect((await openRegistry(registry).snapshot()).index.organizations["apache"]?.current).toBe("after-all");
		// What was not named by an index is whole, too.
		for (const id of await readdir(path.join(registry, "adapters"))) await openRegistry(registry).adapter(id);
		expect(await leftovers(registry)).toEqual([]);
	});

	test("the lock of a killed publisher is free within ten seconds", { timeout: 30_000 }, async ({ expect }) => {
		const { registry, base } = await registryWithBase();
		const { child, go, locked } = await startPublisher(registry, base, "hold");
		go();
		await locked;
		await kill(child);
		await mkdir(path.join(registry, ".staging-crashed"));
		const start = Date.now();
		expect(await withPublishLock(registry, () => leftovers(registry))).toEqual([".lock"]);
		expect(Date.now() - start).toBeLessThan(10_000);
	});

	test("the lock of a living publisher is not taken", { timeout: 30_000 }, async ({ expect }) => {
		const { registry, base } = await registryWithBase();
		const { child, go, locked } = await startPublisher(registry, base, "hold");
		go();
		await locked;
		expect(await faultOf(withPublishLock(registry, async () => "taken"))).toMatch(/^registry: another process is publishing to the registry .*: wait/);
		await kill(child);
	});
});

const disk = await temporaryFolder();
const mounted = process.platform === "linux" && spawnSync("mount", ["-t", "tmpfs", "-o", "size=128k", "none", disk]).status === 0;
afterAll(() => {
	if (mounted) spawnSync("umount", [disk]);
});

describe.skipIf(!mounted)(`on a full disk${mounted ? "" : " (skipped: mounting a small tmpfs is not permitted here)"}`, () => {
	test("nothing is changed, nothing is left behind, and the remedy is named", async () => {
		const { registry, base } = await registryWithBase(disk);
		await publishSample(registry, base, "org-1");
		const before = await readFile(path.join(registry, "index.json"), "utf8");
		const staged = await temporaryFolder();
		const manifest = await stageAdapter(staged, { id: "org-2", base });
		const weights = "x".repeat(200_000);
		await writeFile(path.join(staged, "adapter_model.safetensors"), weights);
		const files = await listFiles(staged);
		const fault = /^environment: no space is left for the registry .*, and nothing in it was changed: free some and publish again/;
		expect(await faultOf(withPublishLock(registry, (lock) => publishAdapter(lock, staged, { ...manifest, files })))).toMatch(fault);
		await writeFile(path.join(disk, "filler"), Buffer.alloc(200_000)).catch(() => {});
		const everyone = Object.fromEntries(Array.from({ length: 400 }, (_, number) => [`alias ${number}`, "author"]));
		expect(await faultOf(withPublishLock(registry, (lock) => updateIndex(lock, 2, (index) => ({ ...index, aliases: everyone }))))).toMatch(fault);
		expect(await readFile(path.join(registry, "index.json"), "utf8")).toBe(before);
		expect(await readdir(path.join(registry, "adapters"))).toEqual(["org-1"]);
		expect(await leftovers(registry)).toEqual([]);
	});
});

test("an author key is made once, for its owner only", async () => {
	const file = path.join(await temporaryFolder(), "config", "author.key");
	expect(await readAuthorKey(file)).toBeNull();
	const keys = await Promise.all([createAuthorKey(file), createAuthorKey(file), createAuthorKey(file)]);
	expect(keys[0]).toHaveLength(32);
	for (const key of [...keys, await createAuthorKey(file), await readAuthorKey(file)]) expect(key).toEqual(keys[0]);
	const stats = await stat(file);
	if (process.platform !== "win32") expect(stats.mode & 0o777).toBe(0o600);
	expect(await readdir(path.dirname(file))).toEqual(["author.key"]);
	await writeFile(file, "short");
	expect(await faultOf(createAuthorKey(file))).toMatch(/^environment: the author key file .* does not hold 64 hexadecimal digits/);
});
