import { describe, expect, it } from "vitest";
import { applyFilters } from "./filters.ts";

describe("filters", () => {
	it.each([
		{ name: "keeps a plain line", text: "getName();", kept: "getName();" },
		{ name: "cuts to one line", text: "getName();\n\treturn x;", maxLines: 1, kept: "getName();" },
		{ name: "cuts to three lines", text: "a;\nb;\nc;\nd;", kept: "a;\nb;\nc;" },
		{ name: "drops a line that already stands below", text: "a;\n\treturn x;", suffix: "\n\n    return x;\n}", kept: "a;" },
		{ name: "keeps a line that stands elsewhere", text: "a;\nreturn y;", suffix: "\nreturn x;", kept: "a;\nreturn y;" },
		{ name: "does not take the rest of the cursor's line for the line below", text: "a;\n)", suffix: ")", kept: "a;\n)" },
		{ name: "trims what follows the last word", text: "a; \n\t\n", kept: "a;" },
		{ name: "drops half a character at the end", text: 'print("caf\uFFFD', kept: 'print("caf' },
		{ name: "refuses text that is no text", text: "a\uFFFDb;", kept: "" },
		{ name: "refuses white space", text: " \n\t", kept: "" },
	])("$name", ({ text, suffix = "", maxLines = 3, kept }) => {
		expect(applyFilters(text, { suffix, maxLines })).toBe(kept);
	});
});
