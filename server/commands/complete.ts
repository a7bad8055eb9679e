import { readFile } from "node:fs/promises";
import path from "node:path";
import { pino } from "pino";
import { Fault } from "../core/fault.ts";
import { openContext } from "./context.ts";

export interface CompleteOptions {
	readonly file: string;
	readonly line: string;
	readonly character: string;
	readonly author?: string;
	readonly organization?: string;
	readonly registry?: string;
	readonly json?: true;
}

/** One completion from the shell, answered exactly as an editor's request would be. */
export async function completeOnce(options: CompleteOptions): Promise<void> {
	const text = await readFile(options.file, "utf8").catch((cause: unknown) => {
		throw new Fault("usage", `the file ${options.file} cannot be read: name a text file with --file`, { cause });
	});
	const offset = offsetAt(text, wholeNumber("line", options.line), wholeNumber("character", options.character));
	const { assistant } = await openContext(options.registry, pino({ level: "silent" }));
	await using closing = assistant;
	const { author, organization } = options;
	const answer = await closing.answer(
		{
			typist: {
				folder: path.dirname(path.resolve(options.file)),
				...(author !== undefined && { author }),
				...(organization !== undefined && { organization }),
			},
			prefix: text.slice(0, offset),
			suffix: text.slice(offset),
			language: path.extname(options.file).slice(1),
			maxLines: 3,
		},
		new AbortController().signal,
	);
	if (options.json) process.stdout.write(`${JSON.stringify(answer)}\n`);
	else {
		process.stdout.write(answer === null ? "" : `${answer.text}\n`);
		process.stderr.write(
			answer === null ? "No suggestion.\n" : `${answer.source.kind} model: ${answer.source.why} (probability ${answer.probability.toFixed(2)})\n`,
		);
	}
}

function wholeNumber(name: string, text: string): number {
	if (!/^\d+$/.test(text))
		throw new Fault("usage", `--${name} is ${text}, not a whole number from 0: count lines and characters from zero, as editors' protocols do`);
	return Number(text);
}

/** Zero-based line and UTF-16 character, as in LSP. */
function offsetAt(text: string, line: number, character: number): number {
	const lines = text.split("\n");
	const found = lines[line];
	if (found === undefined) throw new Fault("usage", `line ${line} is beyond the file's last line ${lines.length - 1}: count from zero`);
	if (character > found.length) throw new Fault("usage", `character ${character} is beyond the end of line ${line} (${found.length}): count from zero`);
	return lines.slice(0, line).reduce((sum, before) => sum + before.length + 1, 0) + character;
}
