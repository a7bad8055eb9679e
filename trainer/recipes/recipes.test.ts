import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findRecipe, recipeNames } from "./recipes.ts";

let folder: string;
beforeAll(async () => {
	folder = await mkdtemp(path.join(tmpdir(), "idiolect-recipes-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function fromFile(content: unknown) {
	const file = path.join(folder, "mine.json");
	await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
	return findRecipe(file);
}

describe("recipes", () => {
	it.each(recipeNames)("%s is found by name", async (name) => {
		expect((await findRecipe(name)).name).toBe(name);
	});

	it("takes a file that holds only the differences", async () => {
		const recipe = await fromFile({ name: "mine", extends: "small", window: { suffix: 8 }, developer: { epochs: 3 } });
		const small = await findRecipe("small");
		expect(recipe).toEqual({ ...small, name: "mine", window: { ...small.window, suffix: 8 }, developer: { ...small.developer, epochs: 3 } });
	});

	it.each<[string, unknown, RegExp]>([
		["no JSON", "{", /cannot be used/],
		["an unknown field", { name: "m", extends: "small", epoch: 3 }, /epoch/],
		["a wrong value", { name: "m", extends: "small", window: { prefix: -1 } }, /prefix/],
		["an unknown parent", { name: "m", extends: "tiny" }, /extends tiny/],
		["no parent", { name: "m" }, /extends/],
	])("refuses %s in one sentence", async (_name, content, message) => {
		await expect(fromFile(content)).rejects.toMatchObject({ name: "Fault", code: "usage", message: expect.stringMatching(message) });
	});

	it("names the known ones when there is none of that name", async () => {
		await expect(findRecipe("smal")).rejects.toMatchObject({ code: "usage", message: expect.stringContaining("demo, small, large") });
	});
});
