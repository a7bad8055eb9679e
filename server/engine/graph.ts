/**
 * Names and shapes of the decoder graph's inputs and outputs, as the worker's converter (idiolect_worker/graph.py) authors them.
 * S new tokens, C key/value capacity, n requested positions, r adapter rank (0 switches an adapter off), V vocabulary.
 *
 *     in   ids [1,S] i64 · positions [1,S] i64 · past_length [1] i64 · logits_at [n] i64 (indices into S; n may be 0)
 *          past_key_L past_value_L [1,keyValueHeads,C,headDimension] f32, of which past_length positions are valid
 *          lora_M_L_a [K,r] lora_M_L_b [r,N] f32: added to M's output as (x·a)·b, the scale already in b
 *     out  logits [1,n,V] f32 · key_L value_L [1,keyValueHeads,S,headDimension] f32 (the new positions only)
 */

/** The four fused linear layers of a block, with the PEFT modules they hold in output order. */
export const fusedModules = {
	qkv: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
	output: ["self_attn.o_proj"],
	gate_up: ["mlp.gate_proj", "mlp.up_proj"],
	down: ["mlp.down_proj"],
} as const;
export type FusedModule = keyof typeof fusedModules;

export interface Shape {
	readonly layers: number;
	readonly heads: number;
	readonly keyValueHeads: number;
	readonly headDimension: number;
	readonly hidden: number;
	readonly intermediate: number;
	readonly vocabulary: number;
}

/** Input width, and output width of each part. */
export function moduleWidths(module: FusedModule, shape: Shape): { input: number; outputs: number[] } {
	const attention = shape.heads * shape.headDimension;
	const keyValue = shape.keyValueHeads * shape.headDimension;
	switch (module) {
		case "qkv":
			return { input: shape.hidden, outputs: [attention, keyValue, keyValue] };
		case "output":
			return { input: attention, outputs: [shape.hidden] };
		case "gate_up":
			return { input: shape.hidden, outputs: [shape.intermediate, shape.intermediate] };
		case "down":
			return { input: shape.intermediate, outputs: [shape.hidden] };
	}
}
