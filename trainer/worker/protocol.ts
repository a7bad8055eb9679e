/**
 * What the trainer and its Python worker say to each other: JSON lines, one task at a time.
 * Data and weights pass by file path. The Python copy (idiolect_worker/contract.py) is generated from here.
 * Both halves ship together, so messages are closed and the protocol number must match exactly.
 */
import { z } from "zod";

export const protocolVersion = 1;

export const Recipe = z.strictObject({
	rank: z.int(),
	alpha: z.int(),
	dropout: z.number(),
	learningRate: z.number(),
	/** Share of all steps over which the rate rises; then it falls linearly to zero. */
	warmup: z.number(),
	epochs: z.int(),
	/** Sequences per optimizer step, and per forward pass. */
	batch: z.int(),
	microBatch: z.int(),
	/** A resumable checkpoint at least every so many seconds. */
	checkpointSeconds: z.number(),
	seed: z.int(),
});
export type Recipe = z.infer<typeof Recipe>;

/** Opens a GGUF file or a folder of safetensors; writes model.safetensors, config.json, tokenizer.json and tokenizer_config.json. */
const ImportTask = z.strictObject({
	type: z.literal("import"),
	/** Folder that holds the source. */
	source: z.string(),
	/** Name of the GGUF file in `source`; null for safetensors. */
	gguf: z.string().nullable(),
	output: z.string(),
});

/** Authors model.onnx (+ model.onnx.data) beside the safetensors in `base`. */
const ConvertTask = z.strictObject({
	type: z.literal("convert"),
	base: z.string(),
	quantization: z.enum(["rowmix", "fp32"]),
	/** Positions the rotary table covers. */
	positions: z.int(),
});

/** Compares the graph with PyTorch in fp32 over the prompts of a token file. */
const ParityTask = z.strictObject({
	type: z.literal("parity"),
	base: z.string(),
	/** Token file: each sequence is a prompt (its target part is empty). */
	prompts: z.string(),
	maxTokens: z.int(),
	/** Token ids that end a text. */
	endTokens: z.array(z.int()),
	/** Token ids whose text contains a line break: greedy text is compared up to and including the first of them. */
	lineBreakTokens: z.array(z.int()),
});

/** Fine-tunes a LoRA adapter on all linear layers. */
const TuneTask = z.strictObject({
	type: z.literal("tune"),
	base: z.string(),
	/** Adapter folder that stays frozen underneath; null to train directly on the base. */
	parent: z.string().nullable(),
	/** Token files. */
	train: z.string(),
	validation: z.string().nullable(),
	recipe: Recipe,
	/** Run folder: checkpoint and metrics.jsonl; a run with a checkpoint continues. */
	run: z.string(),
	/** PEFT's adapter_config.json and adapter_model.safetensors are written here. */
	output: z.string(),
});

const CancelTask = z.strictObject({ type: z.literal("cancel") });

export const ToWorker = z.discriminatedUnion("type", [ImportTask, ConvertTask, ParityTask, TuneTask, CancelTask]);
export type ToWorker = z.infer<typeof ToWorker>;

const Shape = z.strictObject({
	layers: z.int(),
	heads: z.int(),
	keyValueHeads: z.int(),
	headDimension: z.int(),
	hidden: z.int(),
	intermediate: z.int(),
	vocabulary: z.int(),
});

export const FromWorker = z.discriminatedUnion("type", [
	z.strictObject({ type: z.literal("hello"), protocol: z.int(), device: z.string(), python: z.string(), torch: z.string() }),
	z.strictObject({ type: z.literal("progress"), done: z.int(), total: z.int(), loss: z.number().nullable() }),
	z.strictObject({ type: z.literal("imported"), family: z.enum(["qwen2", "llama"]), shape: Shape }),
	z.strictObject({ type: z.literal("converted"), nodes: z.int(), bytes: z.int() }),
	z.strictObject({
		type: z.literal("parity"),
		prompts: z.int(),
		/** Prompts whose greedy text is the same, up to the first line break, `maxTokens` or an end token. */
		identical: z.int(),
		/** Mean Kullback-Leibler divergence of the first token's distribution, PyTorch against the graph, in nats. */
		divergence: z.number(),
	}),
	z.strictObject({
		type: z.literal("tuned"),
		steps: z.int(),
		/** Tokens trained on, padding not counted, and seconds, resumed parts included. */
		tokens: z.int(),
		seconds: z.number(),
		loss: z.number(),
		validationLoss: z.number().nullable(),
	}),
	/** The task was cancelled; a checkpoint is on disk where there was something to keep. */
	z.strictObject({ type: z.literal("cancelled") }),
	z.strictObject({ type: z.literal("failed"), code: z.enum(["bad-input", "out-of-memory", "no-space", "not-finite", "internal"]), message: z.string() }),
]);
export type FromWorker = z.infer<typeof FromWorker>;
