import type { Tokenizer } from "./tokenizer.ts";

/** How many tokens of context a prompt may hold on either side of the cursor. */
export interface WindowSize {
	readonly prefix: number;
	readonly suffix: number;
}

export const defaultWindow: WindowSize = { prefix: 160, suffix: 48 };

export interface Window {
	readonly prefix: readonly number[];
	readonly suffix: readonly number[];
}

// No token of the supported vocabularies that occurs in code is longer on average; only speed depends on it.
const charactersPerToken = 12;

/**
 * Cuts the tokens nearest to the cursor out of a document. Training, evaluation and serving all cut here.
 * The text is first narrowed to whole lines, so that the same surroundings give the same tokens wherever they stand in a file.
 */
export function cutWindow(text: { readonly prefix: string; readonly suffix: string }, size: WindowSize, tokenizer: Tokenizer): Window {
	const before = tokenizer.encode(lastLines(unixLines(text.prefix), size.prefix * charactersPerToken));
	const after = tokenizer.encode(firstLines(unixLines(text.suffix), size.suffix * charactersPerToken));
	return { prefix: before.slice(Math.max(0, before.length - size.prefix)), suffix: after.slice(0, size.suffix) };
}

/** Models learned from text whose lines end in \n. */
export function unixLines(text: string): string {
	return text.replaceAll("\r\n", "\n");
}

function lastLines(text: string, limit: number): string {
	if (text.length <= limit) return text;
	const from = text.length - limit;
	const lineStart = text.indexOf("\n", from) + 1;
	return lineStart > 0 && lineStart < text.length ? text.slice(lineStart) : dropHalfCharacter(text.slice(from));
}

function firstLines(text: string, limit: number): string {
	if (text.length <= limit) return text;
	const lineEnd = text.lastIndexOf("\n", limit - 1) + 1;
	return lineEnd > 0 ? text.slice(0, lineEnd) : text.slice(0, limit).replace(/[\uD800-\uDBFF]$/, "");
}

function dropHalfCharacter(text: string): string {
	return text.replace(/^[\uDC00-\uDFFF]/, "");
}
