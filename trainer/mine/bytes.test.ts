import { expect, test } from "vitest";
import { lineBatches, textAfter, textBefore } from "./bytes.ts";

async function* inChunks(text: string, size: number) {
	const bytes = Buffer.from(text);
	for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test.each([1, 2, 3, 7, 100])("lines are the same however they arrive: %i bytes at a time", async (size) => {
	const lines: string[] = [];
	for await (const batch of lineBatches(inChunks("one\n\nzwölf\r\n日本\nlast", size))) lines.push(...batch.map(String));
	expect(lines).toEqual(["one", "", "zwölf\r", "日本", "last"]);
});

// The bytes of "aö日😀b" are 1, 2, 3, 4 and 1.
test.each([
	[11, 100, "aö日😀b"],
	[10, 7, "日😀"],
	[10, 6, "😀"],
	[10, 4, "😀"],
	[10, 3, ""],
	[1, 5, "a"],
	[0, 5, ""],
])("the text before byte %i, at most %i bytes", (end, limit, expected) => {
	expect(textBefore(Buffer.from("aö日😀b"), end, limit)).toBe(expected);
});

test.each([
	[0, 100, "aö日😀b"],
	[0, 6, "aö日"],
	[0, 5, "aö"],
	[1, 1, ""],
	[3, 7, "日😀"],
	[3, 6, "日"],
	[11, 5, ""],
])("the text from byte %i on, at most %i bytes", (start, limit, expected) => {
	expect(textAfter(Buffer.from("aö日😀b"), start, limit)).toBe(expected);
});
