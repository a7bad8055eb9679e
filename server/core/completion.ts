import type { Decoder, Stack } from "./decoder.ts";
import { applyFilters } from "./filters.ts";
import { buildPrompt, type PromptLayout } from "./prompt.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { cutWindow, unixLines, type WindowSize } from "./window.ts";

/** Everything of a base that turns text into a completion. */
export interface Model {
	readonly tokenizer: Tokenizer;
	readonly layout: PromptLayout;
	readonly window: WindowSize;
	readonly decoder: Decoder;
}

export interface Hole {
	readonly prefix: string;
	readonly suffix: string;
	readonly maxLines: number;
}

export interface Completion {
	readonly text: string;
	/** Product of the probabilities of all decoded tokens, 0 to 1. */
	readonly probability: number;
}

// Holes are 3 to 50 lexer tokens; the vocabularies need about 1.2 tokens for each.
const maxTokens = 64;

/** Window, prompt, decoding, filters: the one path from a hole to its text, for serving and evaluation. */
export async function complete(hole: Hole, stack: Stack, model: Model, signal?: AbortSignal): Promise<Completion | null> {
	const { tokenizer, layout } = model;
	const decoded = await model.decoder.decode(
		{
			prompt: buildPrompt(cutWindow(hole, model.window, tokenizer), layout),
			stack,
			maxTokens,
			endTokens: [layout.end, layout.prefix, layout.suffix, layout.middle],
			isComplete: (ids) => tokenizer.decode(ids).split("\n").length > hole.maxLines,
		},
		signal,
	);
	if (decoded.finish === "aborted") return null;
	const kept = applyFilters(tokenizer.decode(decoded.ids), { suffix: unixLines(hole.suffix), maxLines: hole.maxLines });
	if (kept.trim() === "") return null;
	return { text: kept, probability: Math.exp(decoded.logProbabilities.reduce((sum, value) => sum + value, 0)) };
}
