import { type CompletionItem, CompletionItemKind, type InlineCompletionItem, InsertTextFormat, InsertTextMode } from "vscode-languageserver/node";
import type { Answer, Source } from "../core/assistant.ts";
import type { Client } from "./client.ts";
import type { Cursor } from "./positions.ts";
import { packData } from "./resolve.ts";

/**
 * A menu item, or null when nothing of the answer can be shown. It replaces the word before the cursor and starts with it,
 * because clients filter by what they would insert. Everything goes as a snippet where the client knows snippets, even one line:
 * Neovim 0.11 cuts plain text at its first white space.
 */
export function menuItem(answer: Answer, cursor: Cursor, language: string, client: Client): CompletionItem | null {
	const shown = client.snippets ? withoutDedent(answer.text, cursor.indentation) : firstLine(answer.text);
	if (shown.trim() === "") return null;
	const line = firstLine(cursor.word + shown);
	const label = line.trim() === "" ? firstLine(shown.trimStart()) : line;
	const newText = client.snippets ? escapeSnippet(relativeTo(cursor.indentation, cursor.word + shown)) : cursor.word + shown;
	return {
		label,
		...(client.labelDetails ? { labelDetails: { description: "Idiolect" } } : {}),
		detail: sourceName(answer.source),
		kind: shown.includes("\n") ? CompletionItemKind.Snippet : CompletionItemKind.Text,
		// Before digits and letters, with which other servers' sort texts begin.
		sortText: "!",
		filterText: label,
		...(client.snippets
			? { insertTextFormat: InsertTextFormat.Snippet, insertTextMode: InsertTextMode.adjustIndentation }
			: { insertTextFormat: InsertTextFormat.PlainText }),
		textEdit: { range: cursor.wordRange, newText },
		data: packData({ text: shown, language, probability: answer.probability, source: answer.source }),
	};
}

/** A plain string that replaces the word before the cursor and nothing after it: the form that all clients insert correctly. */
export function inlineItem(answer: Answer, cursor: Cursor): InlineCompletionItem {
	return { insertText: cursor.word + answer.text, range: cursor.wordRange };
}

function escapeSnippet(text: string): string {
	return text.replace(/[\\$}]/g, "\\$&");
}

/** Clients indent a snippet's further lines like its first, so a line that is indented less cannot be said: cut there. */
function withoutDedent(text: string, indentation: string): string {
	const lines = text.split("\n");
	const cut = lines.findIndex((line, index) => index > 0 && line.trim() !== "" && !line.startsWith(indentation));
	return cut < 0 ? text : lines.slice(0, cut).join("\n").trimEnd();
}

function relativeTo(indentation: string, text: string): string {
	const [first = "", ...rest] = text.split("\n");
	return [first, ...rest.map((line) => (line.trim() === "" ? "" : line.slice(indentation.length)))].join("\n");
}

function firstLine(text: string): string {
	const end = text.indexOf("\n");
	return end < 0 ? text : text.slice(0, end);
}

function sourceName(source: Source): string {
	switch (source.kind) {
		case "developer":
			return source.organization === null ? "Idiolect: developer" : `Idiolect: developer, ${source.organization}`;
		case "organization":
			return `Idiolect: ${source.organization ?? "organization"}`;
		case "base":
			return "Idiolect: base";
	}
}
