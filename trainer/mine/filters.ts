/** What is not one developer's own writing: bots, mass changes, tests, generated and foreign files. Pure. */
import type { Ident } from "../../server/core/identity.ts";
import type { AddedRun } from "./holes.ts";

const botNames = /\[bot\]|dependabot|renovate|github-actions|GitHub/;
const botAddresses = /\[bot\]|dependabot|renovate|github-actions/i;

export function isBot({ name, email }: Ident): boolean {
	return botNames.test(name) || botAddresses.test(email);
}

/** Where one-file commits are the rule the quartiles coincide; a change of so many files is still an ordinary one. */
const neverMass = 5;

/** More files than this, and a commit is a mass change: Q3 + 1.5 · IQR of the files per commit, as in the paper. */
export function massThreshold(filesPerCommit: readonly number[]): number {
	const sorted = [...filesPerCommit].sort((left, right) => left - right);
	const lower = quantile(sorted, 0.25);
	const upper = quantile(sorted, 0.75);
	return Math.max(neverMass, upper + 1.5 * (upper - lower));
}

/** Linear interpolation between the closest ranks. */
function quantile(sorted: readonly number[], share: number): number {
	const rank = (sorted.length - 1) * share;
	const below = sorted[Math.floor(rank)] ?? 0;
	const above = sorted[Math.ceil(rank)] ?? 0;
	return below + (above - below) * (rank - Math.floor(rank));
}

const testWords = new Set(["test", "tests", "testing", "spec", "specs"]);
const foreignFolders = new Set(["vendor", "vendored", "node_modules", "third_party", "thirdparty", "generated"]);
/** Below a source folder these are ordinary names, such as a Java package `build`. */
const outputFolders = new Set(["dist", "build"]);
const generatedNames = /\.min\.[cm]?js$|_pb2(_grpc)?\.pyi?$|\.pb\.(go|cc|h)$|\.g\.cs$|\.designer\.cs$/i;

export function isTestPath(path: string): boolean {
	return path.split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/).some((word) => testWords.has(word.toLowerCase()));
}

export function isForeignPath(path: string): boolean {
	const folders = path.toLowerCase().split("/").slice(0, -1);
	const outside = folders.includes("src") ? folders.slice(0, folders.indexOf("src")) : folders;
	return generatedNames.test(path) || folders.some((folder) => foreignFolders.has(folder)) || outside.some((folder) => outputFolders.has(folder));
}

const headLength = 2_000;
const generatedMark = /\bcode generated\b|\bdo not edit\b|@generated\b/i;
const longLine = 5_000;
const longAverage = 200;

/** A mark at the head of the file says so, or lines that nobody types. */
export function isGenerated(text: string): boolean {
	if (generatedMark.test(text.slice(0, headLength))) return true;
	let lines = 0;
	let from = 0;
	while (from < text.length) {
		const end = text.indexOf("\n", from);
		const next = end < 0 ? text.length : end + 1;
		if (next - from > longLine) return true;
		lines++;
		from = next;
	}
	return text.length > longAverage * lines;
}

const lineWithoutHole = /^\s*(?:\*|\/\/|\/\*|#|import\b|from\b|package\b|using\b|[{}()[\];,]*\s*$)/;

/** Nothing but comments, imports, brackets and blank lines was added: true for two files of five, which then need no parser. */
export function hasNoCode(text: string, runs: readonly AddedRun[]): boolean {
	const lines = text.split("\n");
	return runs.every((run) => lines.slice(run.row, run.row + run.lines).every((line) => lineWithoutHole.test(line)));
}
