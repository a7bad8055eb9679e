import { expect, test } from "vitest";
import { TextDocument } from "vscode-languageserver-textdocument";
import { marked } from "../../test/language-client.ts";
import type { Source } from "../core/assistant.ts";
import { inlineItem, menuItem } from "./items.ts";
import { cursorAt } from "./positions.ts";

const base: Source = { base: "small", kind: "base", organization: null, adapters: [], why: "No adapter." };

function item(source: string, text: string, snippets: boolean, answerer = base) {
	const { text: content, position } = marked(source);
	const cursor = cursorAt(TextDocument.create("file:///a", "java", 1, content), position);
	if (cursor === undefined) throw new Error("no such place");
	const answer = { text, probability: 0.5, source: answerer };
	return { menu: menuItem(answer, cursor, "java", { snippets, labelDetails: true, markdown: true }), inline: inlineItem(answer, cursor) };
}

test.each([
	{ name: "one line", source: "x = |", text: "a.b(c);", snippets: false, label: "a.b(c);", newText: "a.b(c);" },
	{ name: "the typed word goes before", source: "x = fo|", text: "o(1, 2);", snippets: false, label: "foo(1, 2);", newText: "foo(1, 2);" },
	{ name: "without snippets the first line alone", source: "if (a) |", text: "{\n\treturn;\n}", snippets: false, label: "{", newText: "{" },
	{ name: "snippet marks are escaped", source: "x = |", text: "`$a}\\n`;", snippets: true, label: "`$a}\\n`;", newText: "`\\$a\\}\\\\n`;" },
	{ name: "a typed dollar too", source: "x = $a|", text: "b;", snippets: true, label: "$ab;", newText: "\\$ab;" },
	{ name: "lines relative to the first", source: "\tif (a) |", text: "{\n\t\tb();\n\t}", snippets: true, label: "{", newText: "{\n\tb();\n\\}" },
	{ name: "an empty line stays empty", source: "  |", text: "a();\n\n  b();", snippets: true, label: "a();", newText: "a();\n\nb();" },
	{ name: "cut before a line that is indented less", source: "\t\t|", text: "a();\n\t}\n\n", snippets: true, label: "a();", newText: "a();" },
	{ name: "a label is never blank", source: "{|", text: "\n\ta();\n\tb();", snippets: true, label: "a();", newText: "\n\ta();\n\tb();" },
	{ name: "indentation of an empty line stays", source: "|", text: "    a();\n    b();", snippets: true, label: "    a();", newText: "    a();\n    b();" },
])("$name", ({ source, text, snippets, label, newText }) => {
	const { menu } = item(source, text, snippets);
	expect(menu).toMatchObject({ label, filterText: label, insertTextFormat: snippets ? 2 : 1, textEdit: { newText } });
});

test.each([
	["only line breaks for a client of one line", "{|", "\n\ta();", false],
	["only a line that is indented less", "\t\t|", "\n\t}", true],
])("nothing to show: %s", (_name, source, text, snippets) => {
	expect(item(source, text, snippets).menu).toBeNull();
});

test.each<[string, Partial<Source>]>([
	["Idiolect: base", {}],
	["Idiolect: acme", { kind: "organization", organization: "acme", adapters: ["o"] }],
	["Idiolect: developer, acme", { kind: "developer", organization: "acme", adapters: ["o", "d"] }],
	["Idiolect: developer", { kind: "developer", adapters: ["d"] }],
])("detail: %s", (detail, source) => {
	expect(item("|", "a", true, { ...base, ...source }).menu).toMatchObject({ detail, labelDetails: { description: "Idiolect" } });
});

test("an inline item is the text as it is, from the word's start to the cursor", () => {
	expect(item("\tx = $f|", "oo($1});\n}", true).inline).toEqual({
		insertText: "$foo($1});\n}",
		range: { start: { line: 0, character: 5 }, end: { line: 0, character: 7 } },
	});
});
