import { expect, test } from "vitest";
import { TextDocument } from "vscode-languageserver-textdocument";
import { marked } from "../../test/language-client.ts";
import { cursorAt } from "./positions.ts";

const document = (text: string): TextDocument => TextDocument.create("file:///a", "java", 1, text);

test.each([
	{ name: "after a dot", source: "a.|b", prefix: "a.", suffix: "b", word: "", start: 2, indentation: "" },
	{ name: "in a word", source: "int fo|o;", prefix: "int fo", suffix: "o;", word: "fo", start: 4, indentation: "" },
	{ name: "dollar, underscore and digits", source: "x = $a_1|", prefix: "x = $a_1", suffix: "", word: "$a_1", start: 4, indentation: "" },
	{ name: "astral letters are two units each", source: "𝒳 = 𝒳𝒴|", prefix: "𝒳 = 𝒳𝒴", suffix: "", word: "𝒳𝒴", start: 5, indentation: "" },
	{ name: "an emoji is no word", source: "// 🙂|", prefix: "// 🙂", suffix: "", word: "", start: 5, indentation: "" },
	{ name: "tabs are one unit", source: "\t\tre|", prefix: "\t\tre", suffix: "", word: "re", start: 2, indentation: "\t\t" },
	{ name: "CRLF", source: "a\r\n  b|\r\nc", prefix: "a\n  b", suffix: "\nc", word: "b", start: 2, indentation: "  " },
	{ name: "the word ends with the line", source: "foo\n|bar", prefix: "foo\n", suffix: "bar", word: "", start: 0, indentation: "" },
	{ name: "in the indentation", source: "  |  x", prefix: "  ", suffix: "  x", word: "", start: 2, indentation: "  " },
	{ name: "empty document", source: "|", prefix: "", suffix: "", word: "", start: 0, indentation: "" },
])("$name", ({ source, prefix, suffix, word, start, indentation }) => {
	const { text, position } = marked(source);
	const wordRange = { start: { line: position.line, character: start }, end: position };
	expect(cursorAt(document(text), position)).toEqual({ prefix, suffix, word, wordRange, indentation });
});

test("a character past the line's end means the line's end, before its CRLF", () => {
	expect(cursorAt(document("ab\r\nc"), { line: 0, character: 9 })).toMatchObject({
		prefix: "ab",
		suffix: "\nc",
		wordRange: { end: { line: 0, character: 2 } },
	});
});

test.each([
	["a line past the end", "a\nb", { line: 2, character: 0 }],
	["inside a surrogate pair", "𝒳", { line: 0, character: 1 }],
])("%s is no place", (_name, text, position) => {
	expect(cursorAt(document(text), position)).toBeUndefined();
});
