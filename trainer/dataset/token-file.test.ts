import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { integerTensor, readSafetensors } from "../../server/engine/safetensors.ts";
import { type TokenSequence, writeTokenFile } from "./token-file.ts";

const folder = await mkdtemp(path.join(tmpdir(), "token-file-"));

test.each<{ name: string; sequences: TokenSequence[]; tokens: number[]; starts: number[]; targets: number[] }>([
	{ name: "none", sequences: [], tokens: [], starts: [0], targets: [] },
	{
		name: "with targets and without",
		sequences: [
			{ prompt: [7, 8], target: [9] },
			{ prompt: [5], target: [] },
			{ prompt: [], target: [1, 151_643] },
		],
		tokens: [7, 8, 9, 5, 1, 151_643],
		starts: [0, 3, 4, 6],
		targets: [2, 1, 0],
	},
])("writes sequences: $name", async ({ name, sequences, tokens, starts, targets }) => {
	const file = path.join(folder, `${name}.safetensors`);
	await writeTokenFile(file, sequences);
	const tensors = await readSafetensors(file);
	expect(integerTensor(tensors, "tokens")).toEqual(tokens);
	expect(integerTensor(tensors, "starts")).toEqual(starts);
	expect(integerTensor(tensors, "targets")).toEqual(targets);
	expect([...tensors].map(([name, { dtype }]) => `${name} ${dtype}`)).toEqual(["tokens I32", "starts I64", "targets I64"]);
});
