/** Whether a converted graph still says what the model says: asked before a base is published. */
import { Fault } from "../../server/core/fault.ts";
import { buildPrompt, type PromptLayout } from "../../server/core/prompt.ts";
import type { Tokenizer } from "../../server/core/tokenizer.ts";
import { cutWindow, defaultWindow } from "../../server/core/window.ts";
import type { BaseManifest } from "../../server/registry/manifest.ts";
import prompts from "./parity-prompts.json" with { type: "json" };

/** Greedy texts are compared over this many tokens, or to the end of the line. */
export const parityTokens = 24;

/**
 * Per-token int8 with 8-bit blocks where it matters gave 22 of 24 identical lines and 0.020 nats on the default base;
 * the quantizations that ruin a model gave 12 and 0.4, or 9 and 2.2.
 */
const smallestIdenticalShare = 0.8;
const largestDivergence = 0.08;

export function parityPrompts(tokenizer: Tokenizer, layout: PromptLayout): number[][] {
	return prompts.map((prompt) => buildPrompt(cutWindow(prompt, defaultWindow, tokenizer), layout));
}

/** Token ids whose text holds a line break. */
export function lineBreakTokens(tokenizer: Tokenizer, vocabulary: number): number[] {
	return Array.from({ length: vocabulary }, (_, id) => id).filter((id) => tokenizer.decode([id]).includes("\n"));
}

/** Throws a Fault with the numbers when the graph differs too much. */
export function requireParity(id: string, { prompts, identical, divergence }: BaseManifest["parity"]): void {
	if (prompts > 0 && identical >= smallestIdenticalShare * prompts && divergence <= largestDivergence) return;
	throw new Fault(
		"base",
		`the converted ${id} differs too much from the model (${identical} of ${prompts} lines identical, at least ${Math.round(smallestIdenticalShare * 100)} % are needed; ` +
			`divergence ${divergence.toFixed(3)} nats, at most ${largestDivergence} are allowed), so it was not added: choose another base`,
	);
}
