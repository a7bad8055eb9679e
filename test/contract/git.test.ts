/** Both Git drivers over real repositories: what the program knows, and where the other one must say that it does not. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { cliGit } from "../../server/git/cli.ts";
import { isomorphicGit } from "../../server/git/isomorphic.ts";
import { openGit } from "../../server/git/open.ts";

let root: string;

beforeAll(async () => {
	root = await realpath(await mkdtemp(join(tmpdir(), "idiolect-git-")));
	vi.stubEnv("GIT_CONFIG_NOSYSTEM", "1");
	vi.stubEnv("GIT_CONFIG_GLOBAL", await file("empty.gitconfig", ""));
	for (const name of ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "EMAIL"]) vi.stubEnv(name, undefined);
	vi.stubEnv("GIT_CEILING_DIRECTORIES", root);
	const git = (folder: string, ...words: string[]) => execa("git", ["-C", join(root, folder), ...words]);

	await Promise.all(["local", "none", "plain", "global"].map((name) => mkdir(join(root, name, "deep"), { recursive: true })));
	for (const name of ["local", "none", "global"]) await git(name, "init", "-q");
	await git("local", "config", "user.name", "Ada Lovelace");
	await git("local", "config", "user.email", "ada@home.example");
	await git("local", "remote", "add", "backup", "ssh://git@backup.example/acme/shop.git");
	await git("local", "remote", "add", "origin", "https://github.com/acme/shop.git");
	await file("local/.mailmap", "Ada L. <ada@acme.example> <ada@home.example>\n");
	await execa("git", ["init", "-q", "--bare", join(root, "bare")]);
});

afterEach(() => vi.stubEnv("GIT_CONFIG_GLOBAL", join(root, "empty.gitconfig")));

afterAll(async () => {
	vi.unstubAllEnvs();
	await rm(root, { recursive: true });
});

async function file(name: string, text: string): Promise<string> {
	await writeFile(join(root, name), text);
	return join(root, name);
}

const ada = "Ada Lovelace <ada@home.example>";

// Question, folder, what the program answers, what the driver without one answers.
const cases = [
	["authorIdent", "local", ada, ada],
	["authorIdent", "local/deep", ada, ada],
	["authorIdent", "none", null, null],
	["authorIdent", "plain", null, null],
	["authorIdent", "absent", null, null],
	["authorIdent of a global configuration", "global", "Gil Bates <gil@acme.example>", null],
	["authorIdent of a global configuration", "plain", "Gil Bates <gil@acme.example>", null],
	["checkMailmap", "local", "Ada L. <ada@acme.example>", null],
	["checkMailmap", "none", ada, null],
	["checkMailmap", "absent", null, null],
	["remotes", "local/deep", ["https://github.com/acme/shop.git", "ssh://git@backup.example/acme/shop.git"], "same"],
	["remotes", "none", [], "same"],
	["remotes", "plain", [], "same"],
	["topLevel", "local/deep", "<root>/local", "same"],
	["topLevel", "plain/deep", null, "same"],
	["topLevel", "absent", null, "same"],
	["topLevel", "bare", null, "same"],
] as const;

describe.each([
	["cli", cliGit],
	["isomorphic", isomorphicGit],
] as const)("%s", (driver, git) => {
	test.each(cases)("%s in %s", async (question, name, cli, other) => {
		if (question.endsWith("global configuration")) {
			vi.stubEnv("GIT_CONFIG_GLOBAL", await file("gil.gitconfig", "[user]\n\tname = Gil Bates\n\temail = gil@acme.example\n"));
		}
		const folder = join(root, name);
		const answer = {
			authorIdent: () => git.authorIdent(folder),
			checkMailmap: () => git.checkMailmap(folder, ada),
			remotes: () => git.remotes(folder),
			topLevel: async () => (await git.topLevel(folder))?.replace(root, "<root>") ?? null,
		}[question.replace(/ of.*/, "") as keyof typeof git];
		expect(await answer()).toEqual(driver === "cli" || other === "same" ? cli : other);
	});
});

test("the environment wins over the configuration, and a hook's GIT_DIR does not redirect the question", async () => {
	vi.stubEnv("GIT_AUTHOR_NAME", "Eve");
	vi.stubEnv("GIT_AUTHOR_EMAIL", "eve@acme.example");
	vi.stubEnv("GIT_DIR", join(root, "none", ".git"));
	try {
		expect(await cliGit.authorIdent(join(root, "local"))).toBe("Eve <eve@acme.example>");
		expect(await cliGit.topLevel(join(root, "local"))).toBe(join(root, "local"));
	} finally {
		for (const name of ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_DIR"]) vi.stubEnv(name, undefined);
	}
});

test("an aborted signal ends a question", async () => {
	await expect(cliGit.topLevel(root, AbortSignal.abort())).rejects.toThrow();
});

test("the driver without a program serves only where there is none", async () => {
	expect(await openGit()).toBe(cliGit);
	vi.stubEnv("PATH", join(root, "plain"));
	expect(await openGit()).toBe(isomorphicGit);
});
