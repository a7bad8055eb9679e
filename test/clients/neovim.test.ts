import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { neovimPlatform } from "./install-neovim.ts";
import { completeInNeovim } from "./neovim.ts";

const server = fileURLToPath(new URL("./scripted-server.ts", import.meta.url));

test.skipIf(neovimPlatform === undefined).each([
	{
		name: "a word is completed with the rest of its line, spaces and snippet marks included",
		text: "int x = ;",
		keys: "f;ifo<C-x><C-o>",
		answers: { fo: "o(\"$a}\", 'b\\n')" },
		word: "foo(\"$a}\", 'b\\n')",
		lines: ["int x = foo(\"$a}\", 'b\\n')!;"],
	},
	{
		name: "several lines, indented as they are",
		text: "class A {\n\tvoid f() {\n\t\t\n\t}\n}",
		keys: "jjAif (a) <C-x><C-o>",
		answers: { "if (a) ": "{\n\t\t\tb();\n\t\t}" },
		word: "{",
		lines: ["class A {", "\tvoid f() {", "\t\tif (a) {", "\t\t\tb();", "\t\t}!", "\t}", "}"],
	},
	{
		name: "the menu opens by itself after a trigger character, behind astral characters",
		text: '"𝒳🙂" + ',
		keys: "Athis.",
		answers: { "this.": "name" },
		word: "name",
		lines: ['"𝒳🙂" + this.name!'],
	},
])("$name", { timeout: 60_000 }, async ({ text, keys, answers, word, lines }) => {
	const seen = await completeInNeovim({ cmd: [process.execPath, server, JSON.stringify(answers)], file: "A.java", text, keys });
	expect(seen.items).toMatchObject([{ word, abbr: word, menu: "Idiolect: base" }]);
	expect(seen.lines).toEqual(lines);
});
