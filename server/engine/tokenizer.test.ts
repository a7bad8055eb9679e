import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TinyWorld, tinyWorld } from "../../test/e2e/tiny-world.ts";
import type { Tokenizer } from "../core/tokenizer.ts";
import { loadTokenizer } from "./tokenizer.ts";

let world: TinyWorld;
let folder: string;
let tokenizer: Tokenizer;

beforeAll(async () => {
	world = await tinyWorld({ commits: 1 });
	({ folder } = await world.registry.base((await world.registry.snapshot()).index.base ?? ""));
	tokenizer = await loadTokenizer(folder);
}, 600_000);
afterAll(() => world[Symbol.asyncDispose]());

const marks = ["<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"];

const texts = [
	"",
	" ",
	"\n\n\t\t  return  x;\r\n",
	'final int count = items.size(); // "done"\n    return count;\n',
	"a\u00a0b\u200bc\ufeff",
	"größer ≠ kleiner",
	"名前 = 「値」",
	"👩‍👩‍👧 🇦🇶 e\u0301 𝒳",
	"don't we'll I'm",
	"\0\u0001\u007f",
];

test.each(texts)("%j comes back as it was", (text) => {
	expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
});

test.each(["\ud83d", "a\udc00b", "\ud83d\ud83d\ude00"])("half a character becomes a replacement character: %j", (text) => {
	expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.toWellFormed());
});

test.each([...marks, "<|fim_prefix|><|fim_suffix|>", "<<|endoftext|>>", "if (x) { y(<|fim_middle|>); }", "<|endoftext|"])(
	"%j is encoded as the plain text that it is",
	(text) => {
		const control = marks.map((mark) => tokenizer.controlToken(mark));
		const ids = tokenizer.encode(text);
		expect(ids.filter((id) => control.includes(id))).toEqual([]);
		expect(tokenizer.decode(ids)).toBe(text);
	},
);

test("marks have the ids of the vocabulary, and other words none", () => {
	const ids = marks.map((mark) => tokenizer.controlToken(mark) ?? -1);
	expect(new Set(ids).size).toBe(marks.length);
	expect(tokenizer.decode(ids)).toBe(marks.join(""));
	expect(tokenizer.controlToken("return")).toBeUndefined();
});

test("Python's tokenizers library gives the same ids", async () => {
	const program = `import json, sys, tokenizers
tokenizer = tokenizers.Tokenizer.from_file(sys.argv[1])
print(json.dumps([tokenizer.encode(text, add_special_tokens=False).ids for text in json.load(sys.stdin)]))`;
	const { stdout } = await execa(world.environment["IDIOLECT_PYTHON"] ?? "", ["-c", program, path.join(folder, "tokenizer.json")], {
		input: JSON.stringify(texts),
	});
	expect(texts.map((text) => tokenizer.encode(text))).toEqual(JSON.parse(stdout));
});

test("a folder without a tokenizer, or with a garbled one, is a fault", async () => {
	await expect(loadTokenizer(world.folder)).rejects.toMatchObject({ name: "Fault", code: "base", message: expect.stringContaining(world.folder) });
	const file = path.join(world.folder, "tokenizer.json");
	await writeFile(file, "{");
	await expect(loadTokenizer(world.folder)).rejects.toMatchObject({ name: "Fault", code: "base" });
	await rm(file);
});
