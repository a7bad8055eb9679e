import { describe, expect, it } from "vitest";
import type { Tokenizer } from "./tokenizer.ts";
import { cutWindow } from "./window.ts";

/** One token for each UTF-16 unit. */
const units: Tokenizer = {
	encode: (text) => Array.from({ length: text.length }, (_, index) => text.charCodeAt(index)),
	decode: (ids) => String.fromCharCode(...ids),
	controlToken: () => undefined,
};

const cut = (prefix: string, suffix: string, size: number): [string, string] => {
	const window = cutWindow({ prefix, suffix }, { prefix: size, suffix: size }, units);
	return [units.decode(window.prefix), units.decode(window.suffix)];
};

describe("window", () => {
	it.each<[string, string, string, number, [string, string]]>([
		["keeps short text whole", "abc", "def", 8, ["abc", "def"]],
		["keeps the tokens nearest to the cursor", "abcdef", "ghijkl", 3, ["def", "ghi"]],
		["reads CRLF as LF", "a\r\nb", "\r\nc", 8, ["a\nb", "\nc"]],
		["takes an empty document", "", "", 8, ["", ""]],
	])("%s", (_name, prefix, suffix, size, expected) => {
		expect(cut(prefix, suffix, size)).toEqual(expected);
	});

	it("never starts or ends inside a character, however long the line", () => {
		const line = "😀".repeat(5_000);
		const [before, after] = cut(`x${line}`, line, 1_000);
		expect(before.isWellFormed() || before.slice(1).isWellFormed()).toBe(true);
		expect(cutWindow({ prefix: `x${line}`, suffix: line }, { prefix: 4, suffix: 4 }, { ...units, encode: (text) => [text.isWellFormed() ? 1 : 0] })).toEqual({
			prefix: [1],
			suffix: [1],
		});
		expect(after.length).toBe(1_000);
	});

	it("gives the same tokens for the same surroundings wherever they stand", () => {
		const lines = Array.from({ length: 200 }, (_, index) => `line ${index}\n`).join("");
		const surroundings = "int x = 1;\n".repeat(40);
		expect(cut(`${lines}${surroundings}`, "", 16)).toEqual(cut(surroundings, "", 16));
	});
});
