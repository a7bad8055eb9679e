/** What a user can get wrong: one sentence on standard error, the right exit code, and nothing changed. */
import { mkdir, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultFolders } from "../../server/folders.ts";
import { type Finished, type Program, run, start } from "./commands.ts";
import { digests, printed, type TinyWorld, tinyWorld } from "./tiny-world.ts";

const timeout = 600_000;

let world: TinyWorld;
beforeAll(async () => {
	world = await tinyWorld();
}, timeout);
afterAll(() => world[Symbol.asyncDispose]());

/** Fails with that code and exactly one sentence of the program's on standard error, which is returned. */
function sentenceOf({ code, stdout, stderr }: Finished, expected: 1 | 2): string {
	expect(stderr).toMatch(/^idiolect(-trainer)?: [^\n]+\n$/);
	expect({ code, stdout }).toEqual({ code: expected, stdout: "" });
	return stderr;
}

interface Mistake {
	readonly name: string;
	readonly program?: Program;
	readonly words: () => readonly string[] | Promise<readonly string[]>;
	/** Variables that differ from the world's. */
	readonly environment?: () => Record<string, string> | Promise<Record<string, string>>;
	readonly code: 1 | 2;
	readonly says: RegExp;
}

const emptyHome = () => ({ IDIOLECT_HOME: path.join(world.folder, "empty") });
/** A folder of the world with these files in it. */
async function folderWith(name: string, files: Readonly<Record<string, string>>): Promise<string> {
	const folder = path.join(world.folder, name);
	await mkdir(folder, { recursive: true });
	for (const [file, text] of Object.entries(files)) await writeFile(path.join(folder, file), text);
	return folder;
}
function refreshOf(folder: string): string[] {
	return world.refreshWords().map((word) => (word === world.repository.folder ? folder : word));
}
async function sourceFile(): Promise<string> {
	return path.join(await folderWith("sources", { "A.java": "class A {\n}\n" }), "A.java");
}

const mistakes: readonly Mistake[] = [
	{
		name: "a folder that is no repository",
		words: async () => refreshOf(await folderWith("plain", {})),
		code: 1,
		says: /plain is not a Git repository: name the folder of a clone/,
	},
	{
		name: "a folder that does not exist",
		words: () => refreshOf(path.join(world.folder, "nowhere")),
		code: 1,
		says: /nowhere is not a Git repository: name the folder of a clone/,
	},
	{
		name: "a repository without commits",
		words: async () => {
			const folder = await folderWith("unborn", {});
			await execa("git", ["init", "--quiet", folder]);
			return refreshOf(folder);
		},
		code: 1,
		says: /unborn has no commits: commit something there first/,
	},
	{ name: "no organization", words: () => ["refresh", "--repo", world.repository.folder], code: 2, says: /'--organization <name>'.*--help/ },
	{ name: "an unknown option", words: () => world.refreshWords("--held-ot", "5"), code: 2, says: /'--held-ot'.*--help/ },
	{ name: "an unknown command", words: () => ["refesh"], code: 2, says: /'refesh'.*--help/ },
	{ name: "an unknown base", words: () => ["base", "add", "gpt-9"], code: 2, says: /gpt-9/ },
	{ name: "a base to remove that is not there", words: () => ["base", "remove", "0123abcd"], code: 2, says: /0123abcd/ },
	{ name: "an unknown recipe", words: () => world.refreshWords("--recipe", "huge"), code: 2, says: /no recipe huge: choose one of demo, small, large/ },
	{
		name: "a recipe with a misspelt key",
		words: async () =>
			world.refreshWords("--recipe", path.join(await folderWith("recipes", { "a.json": '{"name":"a","extends":"demo","epoch":2}' }), "a.json")),
		code: 2,
		says: /a\.json cannot be used .*epoch.*: correct it/,
	},
	{ name: "no held-out instances", words: () => world.refreshWords("--held-out", "0"), code: 2, says: /--held-out is 0: give a whole number from 1/ },
	{
		name: "a schedule that is no cron expression",
		words: () => ["watch", "--every", "every night", ...world.refreshWords().slice(1)],
		code: 2,
		says: /"every night" is no cron expression .*: write five fields/,
	},
	{ name: "a refresh without a base", words: () => world.refreshWords(), environment: emptyHome, code: 1, says: /holds no base to train on: add one with `/ },
	{
		name: "a key file that holds no key",
		words: () => world.refreshWords(),
		environment: async () => {
			const home = await folderWith("keyless", { "author.key": "secret\n" });
			return { IDIOLECT_HOME: home, IDIOLECT_REGISTRY: defaultFolders(world.environment).registry };
		},
		code: 1,
		says: /author\.key does not hold 64 hexadecimal digits: restore it/,
	},
	{
		name: "a roll back of an unknown organization",
		words: () => ["rollback", "--organization", "acne"],
		code: 1,
		says: /organization acne .*nothing to roll back/,
	},
	{
		name: "a roll back of somebody who is no author",
		words: () => ["rollback", "--organization", "acme", "--author", "Ada"],
		code: 2,
		says: /--author is "Ada": write it as "Name <address>"/,
	},
	{
		name: "no Python",
		words: () => ["base", "add", path.join(world.folder, "tiny-qwen2"), "--registry", path.join(world.folder, "other-registry")],
		environment: async () => ({ IDIOLECT_PYTHON: "", PATH: await pathWithoutPython() }),
		code: 1,
		says: /no Python was found: install Python 3\.11 or newer/,
	},
	{
		name: "a file to complete in that is not there",
		program: "idiolect",
		words: () => ["complete", "--file", "nowhere.java", "--line", "0", "--character", "0"],
		code: 2,
		says: /nowhere\.java cannot be read: name a text file with --file/,
	},
	{
		name: "a line beyond the end",
		program: "idiolect",
		words: async () => ["complete", "--file", await sourceFile(), "--line", "7", "--character", "0"],
		code: 2,
		says: /line 7 is beyond the file's last line 2/,
	},
	{
		name: "a character beyond the end of its line",
		program: "idiolect",
		words: async () => ["complete", "--file", await sourceFile(), "--line", "1", "--character", "9"],
		code: 2,
		says: /character 9 is beyond the end of line 1/,
	},
	{
		name: "a completion from an empty registry",
		program: "idiolect",
		words: async () => ["complete", "--file", await sourceFile(), "--line", "0", "--character", "9"],
		environment: emptyHome,
		code: 1,
		says: /holds no base model: add one with `idiolect-trainer base add/,
	},
];

async function pathWithoutPython(): Promise<string> {
	const bin = await folderWith("bin", {});
	const { stdout: git } = await execa("which", ["git"]);
	await symlink(git, path.join(bin, "git"));
	await symlink(process.execPath, path.join(bin, "node"));
	return bin;
}

test.each(mistakes)("$name", { timeout }, async ({ program = "trainer", words, environment, code, says }) => {
	const before = await digests(world);
	const finished = await run(program, await words(), { ...world.environment, ...(await environment?.()) });
	expect(sentenceOf(finished, code)).toMatch(says);
	expect(await digests(world)).toEqual(before);
});

test("a full disk leaves the registry as it was", { timeout }, async (context) => {
	const small = await folderWith("small", {});
	const mounted = await execa("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", small], { reject: false });
	if (mounted.failed) context.skip("only root may mount a small file system");
	try {
		const finished = await world.trainer("base", "add", path.join(world.folder, "tiny-qwen2"), "--registry", small);
		expect(sentenceOf({ ...finished, stderr: finished.stderr.split("\n").slice(-2).join("\n") }, 1)).toMatch(
			/no space is left for the registry .*small.*: free some/,
		);
		expect(printed(await world.trainer("base", "list", "--registry", small, "--json"))).toMatchObject({ added: [] });
	} finally {
		await execa("umount", [small]);
	}
});

test("of two refreshes of an organization at once the second is turned away, and the first finishes", { timeout }, async () => {
	const first = start("trainer", world.refreshWords(), world.environment);
	const lock = path.join(defaultFolders(world.environment).trainer, "acme", ".lock");
	await expect.poll(() => stat(lock).catch(() => null), { timeout }).not.toBeNull();
	expect(sentenceOf(await world.trainer(...world.refreshWords()), 1)).toMatch(/another refresh of acme is running.*: wait for it/);
	expect(printed(await first.finished)).toMatchObject({ outcome: "trained" });
});
