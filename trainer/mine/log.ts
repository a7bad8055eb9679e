/** The landed commits of a repository with the lines they only added, from one `git log`, oldest first. */
import { Fault } from "../../server/core/fault.ts";
import type { Ident } from "../../server/core/identity.ts";
import { startGit } from "../../server/git/command.ts";
import { lineBatches } from "./bytes.ts";
import type { AddedRun } from "./holes.ts";
import { minedPathspecs } from "./languages.ts";

export interface LandedCommit {
	readonly hash: string;
	/** As the mailmap writes the author, and as the commit does. */
	readonly author: Ident;
	readonly rawAuthor: Ident;
	/** ISO 8601, UTC. */
	readonly authorDate: string;
	readonly commitDate: string;
	readonly files: readonly ChangedFile[];
}

export interface ChangedFile {
	readonly path: string;
	/** Object id of the file as the commit left it. */
	readonly blob: string;
	/** Runs of lines that were added where nothing was removed. */
	readonly runs: readonly AddedRun[];
}

const landed = ["log", "--first-parent", "--no-merges", "--no-show-signature", "--no-color"];

// Every option that a user's configuration could change is spelled out: the same history gives the same diff everywhere.
const asPatch = [
	"--reverse",
	"--patch",
	"--unified=0",
	"--inter-hunk-context=0",
	"--full-index",
	"--find-renames",
	"--diff-filter=AM",
	"--diff-algorithm=myers",
	"--indent-heuristic",
	"--submodule=short",
	"--src-prefix=a/",
	"--dst-prefix=b/",
	"--no-ext-diff",
	"--no-textconv",
	"--format=%x00%H%x00%aN%x00%aE%x00%an%x00%ae%x00%aI%x00%cI",
];

/** Commits in `range` that added or changed files of a mined language; renamed and deleted files are left out. */
export async function* landedCommits(folder: string, range: string, signal?: AbortSignal): AsyncGenerator<LandedCommit> {
	const parser = new PatchParser();
	for await (const lines of outputLines(folder, [...asPatch, range], signal)) {
		for (const line of lines) {
			const finished = parser.read(line);
			if (finished) yield finished;
		}
	}
	const last = parser.finish();
	if (last) yield last;
}

/** How many files of a mined language each landed commit of `range` touched, by hash. */
export async function fileCounts(folder: string, range: string, signal?: AbortSignal): Promise<Map<string, number>> {
	const counts = new Map<string, number>();
	let hash = "";
	for await (const lines of outputLines(folder, ["--no-renames", "--name-only", "--format=%x00%H", range], signal)) {
		for (const line of lines) {
			if (line[0] === 0) hash = line.toString("utf8", 1);
			else if (line.length > 0) counts.set(hash, (counts.get(hash) ?? 0) + 1);
		}
	}
	return counts;
}

async function* outputLines(folder: string, words: readonly string[], signal?: AbortSignal): AsyncGenerator<Buffer[]> {
	const process = startGit(["-c", "core.quotePath=false", ...landed, ...words, "--", ...minedPathspecs], folder, signal);
	process.stdin.end();
	try {
		yield* lineBatches(process.stdout);
		const { exitCode, stderr } = await process;
		signal?.throwIfAborted();
		if (exitCode !== 0) {
			throw new Fault("repository", `the history of ${folder} cannot be read: ${Buffer.from(stderr).toString().trim()}; run git fsck there, or clone it anew`);
		}
	} finally {
		process.kill();
	}
}

interface OpenFile {
	path: string | null;
	blob: string;
	readonly runs: AddedRun[];
}

/** Reads `git log --patch --unified=0` line by line. The lines' own text is skipped: files are read from their blobs. */
class PatchParser {
	#commit: (LandedCommit & { files: ChangedFile[] }) | null = null;
	#file: OpenFile | null = null;
	#skip = 0;

	/** The commit before, when `line` begins another one. */
	read(line: Buffer): LandedCommit | null {
		// "\ No newline at end of file" is not counted in the hunk's header.
		if (this.#skip > 0 && line[0] !== 0x5c) {
			this.#skip--;
			return null;
		}
		if (line[0] === 0) {
			const finished = this.finish();
			this.#commit = parseHeader(line.toString("utf8"));
			return finished;
		}
		const text = line.toString("utf8");
		if (text.startsWith("diff --git ")) {
			this.#closeFile();
			this.#file = { path: null, blob: "", runs: [] };
		} else if (this.#file) this.#readFileLine(text, this.#file);
		return null;
	}

	finish(): LandedCommit | null {
		this.#closeFile();
		const finished = this.#commit;
		this.#commit = null;
		return finished;
	}

	#readFileLine(text: string, file: OpenFile): void {
		const hunk = /^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(text);
		if (hunk) {
			const removed = Number(hunk[1] ?? 1);
			const added = Number(hunk[3] ?? 1);
			this.#skip = removed + added;
			if (removed === 0) file.runs.push({ row: Number(hunk[2]) - 1, lines: added });
		} else if (text.startsWith("index ")) {
			file.blob = /\.\.([0-9a-f]+)/.exec(text)?.[1] ?? "";
		} else if (text.startsWith("+++ b/")) {
			// Git ends a name that holds blanks with a tab; a name that it has to quote is not read at all.
			file.path = text.slice("+++ b/".length).replace(/\t$/, "");
		}
	}

	#closeFile(): void {
		const file = this.#file;
		if (file?.path && file.blob !== "") this.#commit?.files.push({ path: file.path, blob: file.blob, runs: file.runs });
		this.#file = null;
	}
}

function parseHeader(line: string): LandedCommit & { files: ChangedFile[] } {
	const [, hash = "", name = "", email = "", rawName = "", rawEmail = "", authorDate = "", commitDate = ""] = line.split("\0");
	return {
		hash,
		author: { name, email },
		rawAuthor: { name: rawName, email: rawEmail },
		authorDate: new Date(authorDate).toISOString(),
		commitDate: new Date(commitDate).toISOString(),
		files: [],
	};
}
