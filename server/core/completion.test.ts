import { describe, expect, it } from "vitest";
import { complete } from "./completion.ts";
import type { DecodeRequest, Decoder } from "./decoder.ts";
import type { PromptLayout } from "./prompt.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** One token for each character, so that every number in a case can be read. */
const characters: Tokenizer = {
	encode: (text) => [...text].map((character) => character.codePointAt(0) ?? 0),
	decode: (ids) => String.fromCodePoint(...ids),
	controlToken: () => undefined,
};
const layout: PromptLayout = { kind: "prefix-suffix-middle", prefix: 1, suffix: 2, middle: 3, end: 4 };

/** Says `text` token by token, and remembers what it was asked. */
function saying(text: string, probability = 1): Decoder & { asked: DecodeRequest[] } {
	const asked: DecodeRequest[] = [];
	return {
		asked,
		async decode(request, signal) {
			asked.push(request);
			if (signal?.aborted) return { ids: [], logProbabilities: [], finish: "aborted" };
			const ids: number[] = [];
			for (const id of characters.encode(text)) {
				ids.push(id);
				if (request.isComplete?.(ids)) break;
			}
			return { ids, logProbabilities: ids.map(() => Math.log(probability)), finish: "end" };
		},
		async [Symbol.asyncDispose]() {},
	};
}

const modelOf = (decoder: Decoder, window = { prefix: 8, suffix: 4 }) => ({ tokenizer: characters, layout, window, decoder });

describe("completion", () => {
	it("asks with the tokens nearest to the cursor, in the layout's order", async () => {
		const decoder = saying("x;");
		await complete({ prefix: "abcdefghijkl", suffix: "mnopqr", maxLines: 1 }, { adapters: ["a"] }, modelOf(decoder));
		expect(decoder.asked[0]?.prompt).toEqual([1, ...characters.encode("efghijkl"), 2, ...characters.encode("mnop"), 3]);
		expect(decoder.asked[0]?.stack).toEqual({ adapters: ["a"] });
	});

	it("reads line ends of any system alike", async () => {
		const decoder = saying("x;");
		await complete({ prefix: "a\r\nb", suffix: "\r\nc", maxLines: 1 }, { adapters: [] }, modelOf(decoder));
		expect(decoder.asked[0]?.prompt).toEqual([1, ...characters.encode("a\nb"), 2, ...characters.encode("\nc"), 3]);
	});

	it.each([
		{ name: "stops behind the last line asked for", says: "a;\nb;\nc;", maxLines: 1, text: "a;" },
		{ name: "keeps three lines", says: "a;\nb;\nc;\nd;", maxLines: 3, text: "a;\nb;\nc;" },
		{ name: "is null when nothing is said", says: "", maxLines: 1, text: undefined },
		{ name: "is null when only white space is said", says: "  ", maxLines: 1, text: undefined },
	])("$name", async ({ says, maxLines, text }) => {
		const completion = await complete({ prefix: "p", suffix: "s", maxLines }, { adapters: [] }, modelOf(saying(says)));
		expect(completion?.text).toBe(text);
	});

	it("multiplies the tokens' probabilities", async () => {
		const completion = await complete({ prefix: "", suffix: "", maxLines: 1 }, { adapters: [] }, modelOf(saying("ab", 0.5)));
		expect(completion?.probability).toBeCloseTo(0.25, 10);
	});

	it("is null when the request is aborted", async () => {
		expect(await complete({ prefix: "", suffix: "", maxLines: 1 }, { adapters: [] }, modelOf(saying("ab")), AbortSignal.abort())).toBeNull();
	});
});
