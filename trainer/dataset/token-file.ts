import { writeSafetensors } from "../../server/engine/safetensors.ts";

/** One training or test sequence as token ids. */
export interface TokenSequence {
	readonly prompt: readonly number[];
	/** What is learned; empty where a prompt alone is asked. */
	readonly target: readonly number[];
}

/**
 * Writes the sequences for the worker, as safetensors: `tokens` int32 [N], all sequences one after the other; `starts` int64 [n + 1],
 * where each begins, and N; `targets` int64 [n], index within its sequence where the target begins.
 */
export async function writeTokenFile(file: string, sequences: Iterable<TokenSequence>): Promise<void> {
	const parts: number[][] = [];
	const starts = [0];
	const targets: number[] = [];
	let end = 0;
	for (const { prompt, target } of sequences) {
		parts.push([...prompt, ...target]);
		end += prompt.length + target.length;
		starts.push(end);
		targets.push(prompt.length);
	}
	const tokens = new Int32Array(end);
	for (const [index, part] of parts.entries()) tokens.set(part, starts[index]);
	await writeSafetensors(file, {
		tokens: { shape: [tokens.length], data: tokens },
		starts: { shape: [starts.length], data: BigInt64Array.from(starts, BigInt) },
		targets: { shape: [targets.length], data: BigInt64Array.from(targets, BigInt) },
	});
}
