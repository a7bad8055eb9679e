import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Model } from "../../server/core/completion.ts";
import type { Instance } from "../dataset/instance.ts";
import { evaluate, isExactMatch } from "./evaluate.ts";

describe("exact match", () => {
	it.each<[string, string, boolean]>([
		["return x;", "return x;", true],
		["return  x ;\n", "return x;", true],
		["f(a,\n\tb);", "f(a, b);", true],
		["return y;", "return x;", false],
		["", "return x;", false],
		["return x; ", "return x;}", false],
	])("%j for %j: %s", (text, target, expected) => {
		expect(isExactMatch(text, target)).toBe(expected);
	});
});

let cache: string;
beforeEach(async () => {
	cache = path.join(await mkdtemp(path.join(tmpdir(), "idiolect-evaluate-")), "outcomes", "stack.jsonl");
});
afterEach(() => rm(path.dirname(path.dirname(cache)), { recursive: true }));

/** Answers every prompt with the same two lines, one token for each character. */
function modelSaying(text: string): Model & { asked: number } {
	const model = {
		asked: 0,
		tokenizer: {
			encode: (plain: string) => [...plain].map((character) => character.charCodeAt(0)),
			decode: (ids: readonly number[]) => String.fromCharCode(...ids),
			controlToken: () => undefined,
		},
		layout: { kind: "prefix-suffix-middle" as const, prefix: 1, suffix: 2, middle: 3, end: 4 },
		window: { prefix: 8, suffix: 8 },
		decoder: {
			async decode(_request: object, signal?: AbortSignal) {
				model.asked++;
				const ids = model.tokenizer.encode(text);
				return { ids, logProbabilities: ids.map(() => 0), finish: signal?.aborted ? ("aborted" as const) : ("end" as const) };
			},
			async [Symbol.asyncDispose]() {},
		},
	};
	return model;
}

const instance = (id: string, target: string) => ({ id, prefix: "a = ", suffix: "\n", target }) as Instance;
const instances = [instance("1", "x;"), instance("2", "x;\ny;"), instance("3", "z;")];

const run = (model: Model, signal = new AbortController().signal) =>
	evaluate({ instances, stack: { adapters: [] }, model, cache, onProgress: () => undefined, signal });

describe("evaluation", () => {
	it("cuts every answer at the number of lines of its target", async () => {
		const outcomes = await run(modelSaying("x;\ny;"));
		expect(outcomes.map(({ exact, text }) => [exact, text])).toEqual([
			[true, "x;"],
			[true, "x;\ny;"],
			[false, "x;"],
		]);
	});

	it("asks only for what an earlier run did not finish, half a line included", async () => {
		await run(modelSaying("x;\ny;"));
		const [first = "", second = ""] = (await readFile(cache, "utf8")).split("\n");
		await writeFile(cache, `${first}\n${second.slice(0, 20)}`);
		const model = modelSaying("x;\ny;");
		expect((await run(model)).map(({ id }) => id)).toEqual(["1", "2", "3"]);
		expect(model.asked).toBe(2);
		const again = modelSaying("x;\ny;");
		await run(again);
		expect(again.asked).toBe(0);
	});

	it("says how to continue when it is interrupted, and keeps nothing unsound", async () => {
		await expect(run(modelSaying("x;"), AbortSignal.abort())).rejects.toMatchObject({ code: "interrupted" });
		expect(await readFile(cache, "utf8").catch(() => "")).toBe("");
	});
});
