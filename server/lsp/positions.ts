import type { Position, Range } from "vscode-languageserver/node";
import type { TextDocument } from "vscode-languageserver-textdocument";

/** A place in a document, in the terms of the core: text before and after, lines separated by \n. */
export interface Cursor {
	readonly prefix: string;
	readonly suffix: string;
	/** The part of a word that stands directly before the cursor; may be empty. */
	readonly word: string;
	/** From the word's start to the cursor, in UTF-16 code units. */
	readonly wordRange: Range;
	/** White space at the start of the cursor's line, up to the cursor. */
	readonly indentation: string;
}

/** Undefined for a place that the document does not have: a line past its end, or the middle of a surrogate pair. */
export function cursorAt(document: TextDocument, position: Position): Cursor | undefined {
	const offset = document.offsetAt(position);
	const end = document.positionAt(offset);
	if (end.line !== position.line) return undefined;
	const text = document.getText();
	const before = text.slice(0, offset);
	const after = text.slice(offset);
	if (/[\uD800-\uDBFF]$/.test(before) && /^[\uDC00-\uDFFF]/.test(after)) return undefined;
	const line = before.slice(before.length - end.character);
	const word = line.match(/[\p{Letter}\p{Mark}\p{Number}_$]+$/u)?.[0] ?? "";
	return {
		prefix: before.replaceAll("\r\n", "\n"),
		suffix: after.replaceAll("\r\n", "\n"),
		word,
		wordRange: { start: { line: end.line, character: end.character - word.length }, end },
		indentation: line.match(/^\s*/)?.[0] ?? "",
	};
}
