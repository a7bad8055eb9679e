import { join } from "node:path";
import * as ort from "onnxruntime-node";
import type { DecodeRequest } from "../core/decoder.ts";
import { type AdapterInput, adapterInputs } from "./adapter-inputs.ts";
import type { Shape } from "./graph.ts";

/** int8 results depend on how a prompt is cut: one size everywhere, and reuse only of whole chunks, keeps answers repeatable. */
const chunk = 64;

/** Prepared stacks are some 50 MB each (default base, rank 16). */
const preparedStacks = 6;

type Feeds = Record<string, ort.Tensor>;

export interface OnnxModelOptions {
	/** Folder of the base, with model.onnx. */
	readonly folder: string;
	readonly shape: Shape;
	readonly threads: number;
}

/** One session with its key/value state. Runs in a worker thread: every call into onnxruntime blocks its thread. */
export class OnnxModel {
	private capacity = 0;
	private keys: Float32Array[] = [];
	private values: Float32Array[] = [];
	/** Tokens whose keys and values are held, and the stack that computed them. */
	private held: number[] = [];
	private heldStack = "";
	private readonly stacks = new Map<string, Feeds>();
	private readonly session: ort.InferenceSession;
	private readonly shape: Shape;

	private constructor(session: ort.InferenceSession, shape: Shape) {
		this.session = session;
		this.shape = shape;
	}

	static async load({ folder, shape, threads }: OnnxModelOptions): Promise<OnnxModel> {
		const session = await ort.InferenceSession.create(join(folder, "model.onnx"), {
			intraOpNumThreads: threads,
			interOpNumThreads: 1,
			logSeverityLevel: 3,
			extra: { session: { intra_op: { allow_spinning: "0" } } },
		});
		return new OnnxModel(session, shape);
	}

	/** Greedy decoding; `onToken` is told every new id, `stopped` is asked between steps. */
	async decode(
		request: Pick<DecodeRequest, "prompt" | "maxTokens" | "endTokens">,
		folders: readonly string[],
		onToken: (id: number, logProbability: number) => void,
		stopped: () => boolean,
	): Promise<"end" | "length" | "aborted"> {
		const feeds = await this.prepare(folders);
		this.reserve(request.prompt.length + request.maxTokens);
		const from = this.reusable(request.prompt, folders.join("\n"));
		this.held.length = from;
		let logits: Float32Array | undefined;
		for (let start = from; start < request.prompt.length; start += chunk) {
			if (stopped()) return "aborted";
			const ids = request.prompt.slice(start, start + chunk);
			const last = start + chunk >= request.prompt.length;
			logits = await this.step(ids, last ? [ids.length - 1] : [], feeds);
		}
		for (let count = 0; count < request.maxTokens; count++) {
			if (stopped() || logits === undefined) return "aborted";
			const { id, logProbability } = argMax(logits);
			if (request.endTokens.includes(id)) return "end";
			onToken(id, logProbability);
			if (count + 1 < request.maxTokens && !stopped()) logits = await this.step([id], [0], feeds);
		}
		return "length";
	}

	async release(): Promise<void> {
		await this.session.release();
	}

	private async prepare(folders: readonly string[]): Promise<Feeds> {
		const key = folders.join("\n");
		let feeds = this.stacks.get(key);
		if (feeds === undefined) {
			feeds = toFeeds(await adapterInputs(folders, this.shape));
			const oldest = this.stacks.keys().next();
			if (this.stacks.size >= preparedStacks && !oldest.done) this.stacks.delete(oldest.value);
		}
		this.stacks.delete(key);
		this.stacks.set(key, feeds);
		return feeds;
	}

	/** Attention costs grow with the capacity, so it is no larger than the longest prompt seen. */
	private reserve(tokens: number): void {
		if (tokens <= this.capacity) return;
		this.capacity = Math.ceil(tokens / chunk) * chunk;
		const size = this.shape.keyValueHeads * this.capacity * this.shape.headDimension;
		this.keys = Array.from({ length: this.shape.layers }, () => new Float32Array(size));
		this.values = Array.from({ length: this.shape.layers }, () => new Float32Array(size));
		this.held = [];
	}

	/** Whole chunks of the prompt whose state is held; at least the last token is computed anew, for its logits. */
	private reusable(prompt: readonly number[], stack: string): number {
		if (stack !== this.heldStack) {
			this.heldStack = stack;
			return 0;
		}
		let common = 0;
		while (common < prompt.length - 1 && common < this.held.length && prompt[common] === this.held[common]) common++;
		return Math.floor(common / chunk) * chunk;
	}

	private async step(ids: readonly number[], logitsAt: readonly number[], adapters: Feeds): Promise<Float32Array | undefined> {
		const past = this.held.length;
		const feeds: Feeds = {
			...adapters,
			ids: int64(ids, [1, ids.length]),
			positions: int64(
				ids.map((_, index) => past + index),
				[1, ids.length],
			),
			past_length: int64([past], [1]),
			logits_at: int64(logitsAt, [logitsAt.length]),
		};
		const { keyValueHeads, headDimension, layers } = this.shape;
		const dimensions = [1, keyValueHeads, this.capacity, headDimension];
		for (let layer = 0; layer < layers; layer++) {
			feeds[`past_key_${layer}`] = new ort.Tensor("float32", this.keys[layer] ?? new Float32Array(), dimensions);
			feeds[`past_value_${layer}`] = new ort.Tensor("float32", this.values[layer] ?? new Float32Array(), dimensions);
		}
		const results = await this.session.run(feeds);
		for (let layer = 0; layer < layers; layer++) {
			this.keep(this.keys[layer], results[`key_${layer}`], past, ids.length);
			this.keep(this.values[layer], results[`value_${layer}`], past, ids.length);
		}
		this.held.push(...ids);
		return logitsAt.length === 0 ? undefined : (results["logits"]?.data as Float32Array);
	}

	/** Copies [1, heads, S, D] of the new positions into the state [1, heads, capacity, D]. */
	private keep(state: Float32Array | undefined, fresh: ort.Tensor | undefined, past: number, count: number): void {
		const data = fresh?.data as Float32Array;
		const row = this.shape.headDimension;
		for (let head = 0; head < this.shape.keyValueHeads; head++) {
			state?.set(data.subarray(head * count * row, (head + 1) * count * row), (head * this.capacity + past) * row);
		}
	}
}

function int64(values: readonly number[], dimensions: readonly number[]): ort.Tensor {
	return new ort.Tensor("int64", BigInt64Array.from(values, BigInt), dimensions);
}

function toFeeds(inputs: ReadonlyMap<string, AdapterInput>): Feeds {
	const feeds: Feeds = {};
	for (const [name, { a, b, input, rank, output }] of inputs) {
		feeds[`lora_${name}_a`] = new ort.Tensor("float32", a, [input, rank]);
		feeds[`lora_${name}_b`] = new ort.Tensor("float32", b, [rank, output]);
	}
	return feeds;
}

function argMax(logits: Float32Array): { id: number; logProbability: number } {
	let id = 0;
	let best = Number.NEGATIVE_INFINITY;
	for (let index = 0; index < logits.length; index++) {
		const value = logits[index] ?? Number.NEGATIVE_INFINITY;
		if (value > best) {
			best = value;
			id = index;
		}
	}
	let sum = 0;
	for (let index = 0; index < logits.length; index++) sum += Math.exp((logits[index] ?? 0) - best);
	return { id, logProbability: -Math.log(sum) };
}
