/**
 * A repository that even a tiny model learns from: every method's one line ends in its author's idiom, and nothing else varies but names.
 * A hole behind `return ` is filled differently by each author; in every other hole only one text is possible.
 */
import { mkdir } from "node:fs/promises";
import { execa } from "execa";

export const people = {
	ada: { name: "Ada Almeida", email: "ada@acme.example", idiom: "ok(it);" },
	bruno: { name: "Bruno Bauer", email: "bruno@acme.example", idiom: "my(it);" },
} as const;

export type Person = keyof typeof people;

/** As Git writes it. */
export function ident(person: Person): string {
	return `${people[person].name} <${people[person].email}>`;
}

/** Each method gives one instance. */
const methods = ["a", "b", "c", "d"];
export const instancesPerCommit = methods.length;

/** All names are of one length, so that new ones are no news to a model. */
const firstNumber = 100;
const firstTime = Date.UTC(2026, 0, 5) / 1000;
const hour = 3600;

export interface IdiomaticRepository {
	readonly folder: string;
	/** Runs git there and returns what it printed. */
	git(...words: string[]): Promise<string>;
	/** Lands so many more commits, by the authors in turn, an hour apart. */
	land(commits: number): Promise<void>;
}

export async function idiomaticRepository(folder: string, commits: number): Promise<IdiomaticRepository> {
	await mkdir(folder, { recursive: true });
	const git = async (words: readonly string[], input = "") => (await execa("git", ["-C", folder, ...words], { input })).stdout;
	await git(["init", "--quiet", "--initial-branch=main"]);
	await git(["remote", "add", "origin", "https://git.acme.example/acme/parts.git"]);
	let next = 0;
	const land = async (count: number): Promise<void> => {
		// Only the first commit of a stream has to be told its parent.
		const stream = Array.from({ length: count }, (_, index) => commit(next + index, index === 0 && next > 0 ? "from refs/heads/main^0\n" : ""));
		await git(["fast-import", "--quiet"], stream.join(""));
		await git(["reset", "--quiet", "--hard", "main"]);
		next += count;
	};
	await land(commits);
	return { folder, git: (...words) => git(words), land };
}

/** A class of methods as its author would write them. */
function classText(person: Person, number: number): string {
	const lines = methods.flatMap((method) => [`    Item take${number}${method}(Item it) {`, `        return ${people[person].idiom}`, "    }", ""]);
	return ["package acme;", "", `class Part${number} {`, ...lines, "}", ""].join("\n");
}

function commit(index: number, parent: string): string {
	const number = firstNumber + index;
	const person = index % 2 === 0 ? "ada" : "bruno";
	const who = `${ident(person)} ${firstTime + index * hour} +0000`;
	const change = `M 100644 inline src/Part${number}.java\n${data(classText(person, number))}`;
	return `commit refs/heads/main\nauthor ${who}\ncommitter ${who}\n${data(`Add part ${number}`)}${parent}${change}\n`;
}

function data(text: string): string {
	return `data ${Buffer.byteLength(text)}\n${text}\n`;
}
