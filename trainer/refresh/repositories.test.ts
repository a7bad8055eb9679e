import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openRepositories } from "./repositories.ts";

let folder: string;
beforeEach(async () => {
	folder = await mkdtemp(path.join(tmpdir(), "idiolect-repositories-"));
});
afterEach(() => rm(folder, { recursive: true }));

const signal = new AbortController().signal;
const at = (...names: string[]): string => path.join(folder, ...names);

async function git(where: string, ...words: string[]): Promise<string> {
	const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@acme.example"];
	return (await execa("git", ["-C", where, ...identity, ...words])).stdout;
}

/** Lands a commit and returns its hash. */
async function land(where: string): Promise<string> {
	await git(where, "commit", "--quiet", "--allow-empty", "--message", "land");
	return git(where, "rev-parse", "HEAD");
}

async function repository(...names: string[]): Promise<string> {
	await mkdir(at(...names), { recursive: true });
	await git(at(...names), "init", "--quiet", "--initial-branch=main");
	await land(at(...names));
	return at(...names);
}

async function newest(clone: string, fetch: boolean): Promise<string> {
	const [opened] = await openRepositories([clone], fetch, signal);
	return git(clone, "rev-parse", opened?.ref ?? "");
}

describe("what has landed", () => {
	it.each<[string, string[]]>([
		["a clone", []],
		["a mirror", ["--mirror"]],
		["a bare clone, which keeps no branches of its remote", ["--bare"]],
	])("is fetched into %s", async (_name, options) => {
		const upstream = await repository("upstream");
		const before = await git(upstream, "rev-parse", "HEAD");
		await git(folder, "clone", "--quiet", ...options, upstream, "clone");
		const landed = await land(upstream);
		expect(await newest(at("clone"), false)).toBe(before);
		expect(await newest(at("clone"), true)).toBe(landed);
	});

	it("is HEAD where there is no remote", async () => {
		const lonely = await repository("lonely");
		expect(await newest(lonely, true)).toBe(await git(lonely, "rev-parse", "HEAD"));
	});
});

describe("in one sentence", () => {
	it.each<[string, (where: string) => Promise<string[]>, RegExp]>([
		["a folder that is no repository", async (where) => [where], /is not a Git repository/],
		[
			"a remote that does not answer",
			async () => {
				const clone = await repository("clone");
				await git(clone, "remote", "add", "origin", at("nowhere"));
				return [clone];
			},
			/could not be fetched .* or pass --no-fetch/,
		],
		["two repositories of one name", async () => [await repository("a", "shop"), await repository("b", "shop")], /are both called shop/],
	])("refuses %s", async (_name, prepare, message) => {
		await expect(openRepositories(await prepare(folder), true, signal)).rejects.toMatchObject({ name: "Fault", message: expect.stringMatching(message) });
	});
});
