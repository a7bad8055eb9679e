/** Where holes are cut into added lines: the last few tokens of a block of at most three lines. Pure. */
import type { Scope, Syntax, Token } from "./syntax.ts";

/** Consecutive added lines: zero-based first line, number of lines. */
export interface AddedRun {
	readonly row: number;
	readonly lines: number;
}

export interface Hole {
	/** UTF-16 offsets into the text. */
	readonly start: number;
	readonly end: number;
	readonly tokens: number;
	readonly scope: Scope;
}

export type HoleFault = "tooShort" | "mostOfFunction" | "syntaxError" | "unfinished";

/** Picks a whole number from `low` to `high`, both included, for the block that begins on line `row`. */
export type Draw = (row: number, low: number, high: number) => number;

const minTokens = 3;
const maxTokens = 50;
const maxLines = 3;

/** One hole, or the reason why there is none, for every block of the runs. */
export function cutHoles(syntax: Syntax, runs: readonly AddedRun[], draw: Draw): (Hole | HoleFault)[] {
	const rows = tokensByRow(syntax.tokens);
	return runs.flatMap((run) => blocks(syntax, rows, run).map((block) => cutHole(syntax, block, draw)));
}

interface Block {
	/** First and last token, as indices into the tokens. */
	readonly first: number;
	last: number;
	readonly scope: number;
	/** Lines of more than one token. */
	lines: number;
	/** Last added line of the run the block is part of. */
	readonly runEnd: number;
}

function cutHole({ tokens, functions }: Syntax, { first, last, runEnd }: Block, draw: Draw): Hole | HoleFault {
	const opening = tokens[first];
	const closing = tokens[last];
	const scope = functions[opening?.scope ?? -1];
	if (!opening || !closing || !scope) throw new RangeError(`no block at tokens ${first} to ${last}`);
	// A literal that goes on after the added lines is not theirs to complete.
	if (closing.endRow > runEnd) return "unfinished";
	let high = Math.min(maxTokens, last - first);
	while (high >= minTokens && (tokens[last - high + 1]?.row ?? 0) <= closing.endRow - maxLines) high--;
	if (high < minTokens) return "tooShort";
	const count = draw(opening.row, minTokens, high);
	if (count > scope.tokenCount / 2) return "mostOfFunction";
	const masked = tokens.slice(last - count + 1, last + 1);
	if (masked.some(({ isFaulty }) => isFaulty)) return "syntaxError";
	return { start: masked[0]?.start ?? closing.start, end: closing.end, tokens: count, scope };
}

interface Row {
	readonly first: number;
	readonly count: number;
}

function tokensByRow(tokens: readonly Token[]): Map<number, Row> {
	const rows = new Map<number, Row>();
	for (const [index, { row }] of tokens.entries()) {
		const known = rows.get(row);
		rows.set(row, known ? { first: known.first, count: known.count + 1 } : { first: index, count: 1 });
	}
	return rows;
}

/** Cuts a run into blocks of one function's lines; lines of the signature, the last line and lines with comments end a block. */
function blocks(syntax: Syntax, rows: ReadonlyMap<number, Row>, run: AddedRun): Block[] {
	const found: Block[] = [];
	const runEnd = run.row + run.lines - 1;
	let open: Block | null = null;
	for (let number = run.row; number <= runEnd; number++) {
		const row = rows.get(number);
		if (syntax.commentRows.has(number)) open = null;
		else if (row) {
			const scope = syntax.tokens[row.first]?.scope ?? -1;
			const bounds = syntax.functions[scope];
			const isMaskable = bounds !== undefined && number >= bounds.bodyRow && number < bounds.lastRow;
			// Blank lines and lines of one token do not count.
			const counts = row.count > 1 ? 1 : 0;
			if (!isMaskable) open = null;
			else if (!open || open.scope !== scope || open.lines + counts > maxLines) {
				open = { first: row.first, last: row.first, scope, lines: 0, runEnd };
				found.push(open);
			}
			if (open) {
				open.last = row.first + row.count - 1;
				open.lines += counts;
			}
		}
	}
	return found;
}
