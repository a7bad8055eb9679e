/** A file as lexer tokens, each with the function it stands in, by tree-sitter. */
import { createRequire } from "node:module";
import treeSitter, { type Parser, type TreeCursor } from "@vscode/tree-sitter-wasm";
import type { Language } from "./languages.ts";

export interface Token {
	/** UTF-16 offsets into the text. */
	readonly start: number;
	readonly end: number;
	/** Zero-based lines of its first and last character. */
	readonly row: number;
	readonly endRow: number;
	/** Index into `functions`; -1 outside every function. */
	readonly scope: number;
	/** Part of a syntax error within its function. */
	readonly isFaulty: boolean;
}

export interface Scope {
	/** UTF-16 offsets into the text. */
	readonly start: number;
	readonly end: number;
	/** First line that holds nothing of the signature, and last line of all. */
	readonly bodyRow: number;
	readonly lastRow: number;
	readonly tokenCount: number;
}

export interface Syntax {
	/** In the order of the text; comments left out. */
	readonly tokens: readonly Token[];
	readonly functions: readonly Scope[];
	/** Lines that a comment touches. */
	readonly commentRows: ReadonlySet<number>;
}

/** Node types that are one token, whatever they consist of: string, character and pattern literals of all grammars. */
const literals = new Set(
	[
		"string string_literal template_string regex char_literal character_literal raw_string_literal",
		"interpreted_string_literal rune_literal system_lib_string verbatim_string_literal interpolated_string_expression",
		"encapsed_string heredoc nowdoc heredoc_body string_array symbol_array",
	].flatMap((line) => line.split(" ")),
);
const comments = new Set(["comment", "line_comment", "block_comment"]);

const require = createRequire(import.meta.url);
const parsers = new Map<string, Promise<Parser>>();

/** Reads `text`; null when the parser gives up. */
export async function readSyntax(text: string, language: Language): Promise<Syntax | null> {
	const loading = parsers.get(language.grammar) ?? loadParser(language.grammar);
	parsers.set(language.grammar, loading);
	const tree = (await loading).parse(text);
	if (!tree) return null;
	const cursor = tree.walk();
	try {
		return walk(cursor, text, language);
	} finally {
		cursor.delete();
		tree.delete();
	}
}

async function loadParser(grammar: string): Promise<Parser> {
	await treeSitter.Parser.init();
	const parser = new treeSitter.Parser();
	parser.setLanguage(await treeSitter.Language.load(require.resolve(`@vscode/tree-sitter-wasm/wasm/tree-sitter-${grammar}.wasm`)));
	return parser;
}

interface OpenFunction {
	readonly index: number;
	readonly isNamed: boolean;
	readonly start: number;
	readonly firstToken: number;
	bodyToken: number | null;
}

/** A function or a syntax error that the walk is inside of. */
interface OpenNode {
	readonly depth: number;
	readonly errorsAround: number;
	readonly isFunction: boolean;
}

// Without recursion: some files nest deeper than the call stack.
function walk(cursor: TreeCursor, text: string, language: Language): Syntax {
	const named = new Set(language.functions);
	const lambdas = new Set(language.lambdas);
	const tokens: Token[] = [];
	const functions: Scope[] = [];
	const commentRows = new Set<number>();
	const openFunctions: OpenFunction[] = [];
	const openNodes: OpenNode[] = [];
	const rowAt = rowCounter(text);
	let errors = 0;

	const enter = (depth: number): "comment" | "token" | "node" => {
		const type = cursor.nodeType;
		if (comments.has(type)) {
			const first = rowAt(cursor.startIndex);
			const last = first + lineBreaks(text, cursor.startIndex, cursor.endIndex);
			for (let row = first; row <= last; row++) commentRows.add(row);
			return "comment";
		}
		const around = openFunctions.at(-1);
		if (around?.bodyToken === null && cursor.currentFieldName === "body") around.bodyToken = tokens.length;
		const isNamed = named.has(type);
		if ((isNamed || lambdas.has(type)) && cursor.nodeIsNamed) {
			openNodes.push({ depth, errorsAround: errors, isFunction: true });
			errors = 0;
			openFunctions.push({ index: functions.length, isNamed, start: cursor.startIndex, firstToken: tokens.length, bodyToken: null });
			functions.push({ start: cursor.startIndex, end: cursor.endIndex, bodyRow: Number.POSITIVE_INFINITY, lastRow: 0, tokenCount: 0 });
		} else if (type === "ERROR") {
			openNodes.push({ depth, errorsAround: errors, isFunction: false });
			errors++;
		}
		return literals.has(type) ? "token" : "node";
	};

	const leave = (depth: number): void => {
		const node = openNodes.at(-1);
		if (node?.depth !== depth) return;
		openNodes.pop();
		errors = node.errorsAround;
		const closed = node.isFunction ? openFunctions.pop() : undefined;
		if (closed) functions[closed.index] = scopeOf(closed, cursor.endIndex, tokens, text);
	};

	const addToken = (): void => {
		const start = cursor.startIndex;
		const end = cursor.endIndex;
		const isMissing = cursor.nodeIsMissing;
		// Some grammars have tokens for line ends.
		if (!isMissing && text.slice(start, end).trim() === "") return;
		const row = rowAt(start);
		const scope = openFunctions.findLast(({ isNamed }) => isNamed) ?? openFunctions[0];
		const endRow = row + lineBreaks(text, start, end);
		tokens.push({ start, end, row, endRow, scope: scope?.index ?? -1, isFaulty: isMissing || errors > 0 });
	};

	for (let depth = 0; ; ) {
		const kind = enter(depth);
		if (kind === "node" && cursor.gotoFirstChild()) {
			depth++;
			continue;
		}
		if (kind !== "comment") addToken();
		leave(depth);
		while (!cursor.gotoNextSibling()) {
			if (!cursor.gotoParent()) return { tokens, functions, commentRows };
			depth--;
			leave(depth);
		}
	}
}

function scopeOf({ start, firstToken, bodyToken }: OpenFunction, end: number, tokens: readonly Token[], text: string): Scope {
	const body = bodyToken === null ? undefined : tokens[bodyToken];
	const before = bodyToken === null ? undefined : tokens[bodyToken - 1];
	// An opening brace, and a body that begins on the signature's line, belong to the signature.
	const sharesLine = body !== undefined && (text[body.start] === "{" || before?.endRow === body.row);
	return {
		start,
		end,
		bodyRow: body === undefined ? Number.POSITIVE_INFINITY : body.row + (sharesLine ? 1 : 0),
		lastRow: tokens.at(-1)?.endRow ?? 0,
		tokenCount: tokens.length - firstToken,
	};
}

/** Line numbers of offsets that are asked for in ascending order. */
function rowCounter(text: string): (offset: number) => number {
	let row = 0;
	let next = text.indexOf("\n");
	return (offset) => {
		while (next >= 0 && next < offset) {
			row++;
			next = text.indexOf("\n", next + 1);
		}
		return row;
	};
}

function lineBreaks(text: string, start: number, end: number): number {
	let count = 0;
	for (let at = text.indexOf("\n", start); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) count++;
	return count;
}
