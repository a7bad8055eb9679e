import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type TemporaryRepository, temporaryRepository } from "../../fixtures/scripted-repository/temporary.ts";
import { readHistory } from "./history.ts";

/** Three commits; then the history is changed; what is new and what is gone is told by the names of the commits. */
const cases: [string, (repository: TemporaryRepository, hashes: Record<string, string>) => Promise<unknown>, { since: string; vanished: string[] | "all" }][] =
	[
		["nothing happened", async () => {}, { since: "c", vanished: [] }],
		["another commit", async (repository) => repository.commit({ d: "d" }), { since: "c", vanished: [] }],
		["amended", async ({ git }) => git("commit", "--quiet", "--amend", "--message", "Better"), { since: "b", vanished: ["c"] }],
		["reset", async ({ git }) => git("reset", "--quiet", "--hard", "HEAD~2"), { since: "a", vanished: ["b", "c"] }],
		[
			"rebased without one commit, and pushed with force",
			async ({ git }, { a = "", b = "" }) => git("rebase", "--quiet", "--onto", a, b, "main"),
			{ since: "a", vanished: ["b", "c"] },
		],
		[
			"a history without a common commit",
			async (repository) => {
				await repository.git("checkout", "--quiet", "--orphan", "fresh");
				await repository.commit({ e: "e" });
			},
			{ since: "null", vanished: "all" },
		],
		[
			"the old commits were collected as garbage",
			async (repository) => {
				await repository.git("reset", "--quiet", "--hard", "HEAD~1");
				await repository.git("reflog", "expire", "--expire=now", "--all");
				await repository.git("gc", "--quiet", "--prune=now");
			},
			{ since: "null", vanished: "all" },
		],
		[
			"merged into the watermark's future",
			async (repository) => {
				await repository.git("checkout", "--quiet", "-b", "side", "HEAD~1");
				await repository.commit({ f: "f" });
				await repository.git("-c", "user.name=A", "-c", "user.email=a@b", "merge", "--quiet", "--no-edit", "main");
			},
			{ since: "c", vanished: [] },
		],
	];

test.each(cases)("%s", async (_, change, expected) => {
	await using repository = await temporaryRepository();
	const hashes: Record<string, string> = {};
	for (const name of ["a", "b", "c"]) hashes[name] = await repository.commit({ [name]: name });
	await change(repository, hashes);
	const nameOf = (hash: string | null) => Object.keys(hashes).find((name) => hashes[name] === hash) ?? String(hash);
	const history = await readHistory(repository.folder, "HEAD", hashes["c"] ?? null);
	expect(history.head).toBe(await repository.git("rev-parse", "HEAD"));
	expect({ since: nameOf(history.since), vanished: history.vanished === "all" ? "all" : history.vanished.map(nameOf).sort() }).toEqual(expected);
});

test("the first time everything is new", async () => {
	await using repository = await temporaryRepository();
	const head = await repository.commit({ a: "a" });
	expect(await readHistory(repository.folder, "HEAD", null)).toEqual({ head, since: null, vanished: [] });
});

test("no commits, and no repository, are Faults that name the folder", async () => {
	await using repository = await temporaryRepository();
	await expect(readHistory(repository.folder, "HEAD", null)).rejects.toMatchObject({
		code: "repository",
		message: `the repository ${repository.folder} has no commits: commit something there first, or name another one`,
	});
	const plain = await mkdtemp(join(tmpdir(), "idiolect-plain-"));
	try {
		for (const folder of [plain, join(plain, "absent")]) {
			await expect(readHistory(folder, "HEAD", null)).rejects.toMatchObject({
				code: "repository",
				message: `${folder} is not a Git repository: name the folder of a clone`,
			});
		}
	} finally {
		await rm(plain, { recursive: true });
	}
});
