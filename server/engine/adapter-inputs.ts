import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { Fault } from "../core/fault.ts";
import { type FusedModule, fusedModules, moduleWidths, type Shape } from "./graph.ts";
import { floatTensor, readSafetensors } from "./safetensors.ts";

/** Row-major matrices of one graph input pair: a [rows: input width, columns: rank], b [rows: rank, columns: output width]. */
export interface AdapterInput {
	readonly a: Float32Array;
	readonly b: Float32Array;
	readonly input: number;
	readonly rank: number;
	readonly output: number;
}

const AdapterConfig = z.looseObject({ r: z.int(), lora_alpha: z.number() });

type Loaded = { readonly scale: number; readonly rank: number; readonly tensor: (name: string) => Float32Array | undefined };

/**
 * Turns a stack of PEFT adapters into the graph's LoRA inputs, by graph module and layer (`qkv_0`).
 * Stacking is exact by rank concatenation: [A1|A2]·[s1B1; s2B2] = s1·A1·B1 + s2·A2·B2; in a fused module each part owns its columns of B.
 */
export async function adapterInputs(folders: readonly string[], shape: Shape): Promise<Map<string, AdapterInput>> {
	const adapters = await Promise.all(folders.map(load));
	const inputs = new Map<string, AdapterInput>();
	for (let layer = 0; layer < shape.layers; layer++) {
		for (const module of Object.keys(fusedModules) as FusedModule[]) inputs.set(`${module}_${layer}`, fuse(adapters, module, layer, shape));
	}
	return inputs;
}

async function load(folder: string): Promise<Loaded> {
	try {
		const config = AdapterConfig.parse(JSON.parse(await readFile(join(folder, "adapter_config.json"), "utf8")));
		const file = await readSafetensors(join(folder, "adapter_model.safetensors"));
		return { scale: config.lora_alpha / config.r, rank: config.r, tensor: (name) => (file.has(name) ? floatTensor(file, name) : undefined) };
	} catch (cause) {
		throw new Fault("adapter", `the adapter in ${folder} cannot be read: publish it again or roll back`, { cause });
	}
}

function fuse(adapters: readonly Loaded[], module: FusedModule, layer: number, shape: Shape): AdapterInput {
	const { input, outputs } = moduleWidths(module, shape);
	const parts = fusedModules[module];
	const output = outputs.reduce((sum, width) => sum + width, 0);
	const rank = adapters.reduce((sum, adapter) => sum + adapter.rank * parts.length, 0);
	const a = new Float32Array(input * rank);
	const b = new Float32Array(rank * output);
	let rankOffset = 0;
	for (const adapter of adapters) {
		let outputOffset = 0;
		for (const [index, part] of parts.entries()) {
			const width = outputs[index] ?? 0;
			const prefix = `base_model.model.model.layers.${layer}.${part}`;
			const down = adapter.tensor(`${prefix}.lora_A.weight`); // [r, input]
			const up = adapter.tensor(`${prefix}.lora_B.weight`); // [width, r]
			if (down !== undefined && up !== undefined) {
				if (down.length !== adapter.rank * input || up.length !== width * adapter.rank) {
					throw new Fault("adapter", `${prefix} has another shape than the base: the adapter was made for another base; train it again`);
				}
				for (let r = 0; r < adapter.rank; r++) {
					for (let k = 0; k < input; k++) a[k * rank + rankOffset + r] = down[r * input + k] ?? 0;
					for (let n = 0; n < width; n++) b[(rankOffset + r) * output + outputOffset + n] = adapter.scale * (up[n * adapter.rank + r] ?? 0);
				}
			}
			rankOffset += adapter.rank;
			outputOffset += width;
		}
	}
	if (!a.every(Number.isFinite) || !b.every(Number.isFinite)) {
		throw new Fault("adapter", `an adapter for ${module} of layer ${layer} holds values that are no numbers: roll back and train it again`);
	}
	return { a, b, input, rank, output };
}
