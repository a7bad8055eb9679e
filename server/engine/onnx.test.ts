import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TinyWorld, tinyWorld } from "../../test/e2e/tiny-world.ts";
import type { Decoded, DecodeRequest, Decoder } from "../core/decoder.ts";
import { fusedModules, moduleWidths, type Shape } from "./graph.ts";
import { openOnnxDecoder } from "./onnx.ts";
import { writeSafetensors } from "./safetensors.ts";

let world: TinyWorld;
let base: { folder: string; shape: Shape };
/** One for all tests: whatever one of them did must not matter to the next. */
let decoder: Decoder;

beforeAll(async () => {
	world = await tinyWorld({ commits: 1 });
	const { folder, manifest } = await world.registry.base((await world.registry.snapshot()).index.base ?? "");
	base = { folder, shape: manifest.shape };
	decoder = await open();
}, 600_000);
afterAll(async () => {
	await decoder[Symbol.asyncDispose]();
	await world[Symbol.asyncDispose]();
});

const adapterFolder = (id: string): string => path.join(world.folder, "adapters", id);
const open = (): Promise<Decoder> => openOnnxDecoder({ ...base, threads: 1, adapterFolder });

/** Token ids that follow no pattern, the same for the same seed. */
function tokens(count: number, seed: number): number[] {
	return Array.from({ length: count }, (_, index) => Math.floor(Math.abs(Math.sin(seed * 1000 + index)) * 256));
}

type Request = Partial<DecodeRequest> & { readonly adapters?: readonly string[] };

function decode(on: Decoder, { adapters = [], ...request }: Request, signal?: AbortSignal): Promise<Decoded> {
	return on.decode({ prompt: tokens(100, 1), maxTokens: 12, endTokens: [], stack: { adapters }, ...request }, signal);
}

interface AdapterSketch {
	readonly rank: number;
	readonly alpha: number;
	/** Value number `index` of a tensor. */
	readonly value: (tensor: string, index: number) => number;
	/** Added to the width of every layer. */
	readonly excess?: number;
}

/** Writes PEFT's two files for all modules of the base. */
async function writeAdapter(id: string, { rank, alpha, value, excess = 0 }: AdapterSketch): Promise<void> {
	const tensors: Record<string, { shape: number[]; data: Float32Array }> = {};
	const add = (name: string, shape: [number, number]): void => {
		tensors[name] = { shape, data: Float32Array.from({ length: shape[0] * shape[1] }, (_, index) => value(name, index)) };
	};
	for (let layer = 0; layer < base.shape.layers; layer++) {
		for (const [module, parts] of Object.entries(fusedModules) as [keyof typeof fusedModules, readonly string[]][]) {
			const { input, outputs } = moduleWidths(module, base.shape);
			for (const [index, part] of parts.entries()) {
				const name = `base_model.model.model.layers.${layer}.${part}`;
				add(`${name}.lora_A.weight`, [rank, input + excess]);
				add(`${name}.lora_B.weight`, [(outputs[index] ?? 0) + excess, rank]);
			}
		}
	}
	await mkdir(adapterFolder(id), { recursive: true });
	await writeFile(path.join(adapterFolder(id), "adapter_config.json"), JSON.stringify({ r: rank, lora_alpha: alpha }));
	await writeSafetensors(path.join(adapterFolder(id), "adapter_model.safetensors"), tensors);
}

const wave =
	(seed: number, size = 0.1) =>
	(tensor: string, index: number): number =>
		size * Math.sin(seed + tensor.length + index);

test("an answer does not depend on what was asked before", async () => {
	await writeAdapter("one", { rank: 2, alpha: 4, value: wave(1) });
	const long = tokens(150, 2);
	const requests: Request[] = [
		{ prompt: long },
		{ prompt: [...long, ...tokens(10, 3)] }, // typed on
		{ prompt: [...long.slice(0, 140), ...tokens(10, 4)] }, // changed inside the last chunk
		{ prompt: [...long.slice(0, 70), ...tokens(80, 5)] }, // and inside the one before
		{ prompt: long.slice(0, 64) },
		{ prompt: long, adapters: ["one"] },
		{ prompt: long },
		{ prompt: tokens(500, 6) }, // more than there was room for
		{ prompt: long },
	];
	for (const request of requests) {
		await using fresh = await open();
		expect(await decode(decoder, request)).toEqual(await decode(fresh, request));
	}
});

test("requests that wait for each other are all answered", async () => {
	const requests = [1, 2, 3].map((seed) => ({ prompt: tokens(80, seed) }));
	const apart = [];
	for (const request of requests) apart.push(await decode(decoder, request));
	expect(await Promise.all(requests.map((request) => decode(decoder, request)))).toEqual(apart);
	expect(new Set(apart.map(({ ids }) => ids.join(" "))).size).toBe(3);
});

test("decoding ends at the limit, at an end token, and when the caller has enough", async () => {
	const whole = await decode(decoder, {});
	expect(whole).toMatchObject({ finish: "length", ids: { length: 12 }, logProbabilities: { length: 12 } });
	const third = whole.ids[2] ?? -1;
	const before = whole.ids.slice(0, whole.ids.indexOf(third));
	expect(await decode(decoder, { endTokens: [third] })).toMatchObject({ finish: "end", ids: before });
	expect(await decode(decoder, { isComplete: (ids) => ids.length === 5 })).toMatchObject({ finish: "complete", ids: whole.ids.slice(0, 5) });
	for (const logProbability of whole.logProbabilities) expect(logProbability).toBeLessThanOrEqual(0);
});

test("an abort ends a request between two tokens, and the next one is answered as ever", async () => {
	const whole = await decode(decoder, {});
	const controller = new AbortController();
	const isComplete = (ids: readonly number[]): boolean => {
		if (ids.length === 3) controller.abort();
		return false;
	};
	expect(await decode(decoder, { isComplete, maxTokens: 500 }, controller.signal)).toMatchObject({ finish: "aborted", ids: whole.ids.slice(0, 3) });
	expect(await decode(decoder, {}, controller.signal)).toEqual({ finish: "aborted", ids: [], logProbabilities: [] });
	expect(await decode(decoder, {})).toEqual(whole);
});

test("an adapter changes the answer, and one that adds nothing does not", async () => {
	await writeAdapter("some", { rank: 2, alpha: 4, value: wave(7, 1) });
	await writeAdapter("nothing", { rank: 2, alpha: 4, value: (tensor, index) => (tensor.includes("lora_B") ? 0 : index) });
	const plain = await decode(decoder, {});
	expect((await decode(decoder, { adapters: ["some"] })).ids).not.toEqual(plain.ids);
	expect(await decode(decoder, { adapters: ["nothing"] })).toEqual(plain);
	expect(await decode(decoder, {})).toEqual(plain);
});

test("stacked adapters add up, each with its own scale", async () => {
	const [first, second] = [wave(11), wave(12)];
	await writeAdapter("first", { rank: 2, alpha: 4, value: first });
	await writeAdapter("second", { rank: 2, alpha: 2, value: second });
	// Both in one of rank 4 and scale 1: A one below the other, B side by side.
	const both = (tensor: string, index: number): number => {
		if (tensor.includes("lora_A")) {
			const length =
				2 *
				(tensor.includes("down_proj") ? base.shape.intermediate : tensor.includes("o_proj") ? base.shape.heads * base.shape.headDimension : base.shape.hidden);
			return index < length ? first(tensor, index) : second(tensor, index - length);
		}
		const [row, column] = [Math.floor(index / 4), index % 4];
		return column < 2 ? 2 * first(tensor, 2 * row + column) : second(tensor, 2 * row + column - 2);
	};
	await writeAdapter("both", { rank: 4, alpha: 4, value: both });
	const [stacked, merged, reversed] = [
		await decode(decoder, { adapters: ["first", "second"] }),
		await decode(decoder, { adapters: ["both"] }),
		await decode(decoder, { adapters: ["second"] }),
	];
	expect(stacked.ids).toEqual(merged.ids);
	for (const [index, value] of stacked.logProbabilities.entries()) expect(value).toBeCloseTo(merged.logProbabilities[index] ?? Number.NaN, 3);
	expect(stacked.logProbabilities).not.toEqual(reversed.logProbabilities);
});

test.each<[string, () => Promise<void>, RegExp]>([
	["that is not there", async () => undefined, /^the adapter in .*faulty.* cannot be read: publish it again or roll back$/],
	["of values that are no numbers", () => writeAdapter("faulty", { rank: 2, alpha: 4, value: () => Number.NaN }), /holds values that are no numbers/],
	["of another base", () => writeAdapter("faulty", { rank: 2, alpha: 4, value: wave(1), excess: 1 }), /has another shape than the base/],
	["of half a file", async () => writeFile(path.join(adapterFolder("faulty"), "adapter_model.safetensors"), "half"), /cannot be read/],
])("an adapter %s is a fault of its request alone", async (_name, prepare, message) => {
	await prepare();
	const plain = await decode(decoder, {});
	await expect(decode(decoder, { adapters: ["faulty"] })).rejects.toMatchObject({ name: "Fault", code: "adapter", message: expect.stringMatching(message) });
	expect(await decode(decoder, {})).toEqual(plain);
});

test.each<[string, (folder: string) => Promise<void>]>([
	["no graph", async () => undefined],
	["a graph that is none", (folder) => writeFile(path.join(folder, "model.onnx"), "no graph")],
	["a graph without its weights", (folder) => copyFile(path.join(base.folder, "model.onnx"), path.join(folder, "model.onnx"))],
])("a base with %s is a fault", async (name, prepare) => {
	const folder = path.join(world.folder, name);
	await mkdir(folder);
	await prepare(folder);
	await expect(openOnnxDecoder({ ...base, folder, threads: 1, adapterFolder })).rejects.toMatchObject({ name: "Fault", code: "base" });
	expect(await readdir(base.folder)).toContain("model.onnx.data");
});

test.each([10, 30, 50, 70, 90])("a process that exits %d ms after it began to decode is not aborted", async (delay) => {
	const program = `import { openOnnxDecoder } from ${JSON.stringify(import.meta.resolve("./onnx.ts"))};
		const decoder = await openOnnxDecoder({ ...${JSON.stringify({ ...base, threads: 1 })}, adapterFolder: String });
		setTimeout(() => process.exit(0), ${delay});
		await decoder.decode({ prompt: ${JSON.stringify(tokens(3000, 1))}, maxTokens: 500, endTokens: [], stack: { adapters: [] } });
		process.exit(1);`;
	const file = path.join(world.folder, "exit.mjs");
	await writeFile(file, program);
	const exited = await execa(process.execPath, [file], { reject: false });
	expect({ code: exited.exitCode, signal: exited.signal, stderr: exited.stderr }).toEqual({ code: 0, signal: undefined, stderr: "" });
});

test("a closed decoder finishes what it began and takes nothing more", async () => {
	const closing = await open();
	const running = decode(closing, {});
	await closing[Symbol.asyncDispose]();
	expect(await running).toEqual(await decode(decoder, {}));
	await expect(decode(closing, {})).rejects.toMatchObject({ name: "Fault", code: "base" });
});
