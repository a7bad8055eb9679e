import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { commandLine } from "../e2e/commands.ts";
import { people } from "../e2e/idiomatic-repository.ts";
import { printed, tinyWorld } from "../e2e/tiny-world.ts";
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

test.skipIf(neovimPlatform === undefined)(
	"the real server's menu shows what `idiolect complete` says, in the author's own idiom",
	{ timeout: 600_000 },
	async () => {
		await using world = await tinyWorld();
		const { folder: workspace, git } = world.repository;
		await git("config", "user.name", people.bruno.name);
		await git("config", "user.email", people.bruno.email);
		await world.refresh();
		const lines = ["package acme;", "", "class Part999 {", "    Item take999a(Item it) {", "        return ", "    }", "", "}"];
		const file = "src/Part999.java";
		const seen = await completeInNeovim({
			cmd: commandLine("idiolect", "serve", "--stdio"),
			file,
			text: `${lines.join("\n")}\n`,
			keys: "4jA<C-x><C-o>",
			workspace,
			environment: world.environment,
			patience: 60_000,
		});
		const place = ["--file", `${workspace}/${file}`, "--line", "4", "--character", "15"];
		const { text } = printed<{ text: string }>(await world.idiolect("complete", ...place, "--json"));
		expect(text).toBe(people.bruno.idiom);
		expect(seen.items).toMatchObject([{ word: text, abbr: text, menu: "Idiolect: developer, acme" }]);
		expect(seen.lines).toEqual(lines.map((line) => (line.trim() === "return" ? `        return ${text}!` : line)));
	},
);
