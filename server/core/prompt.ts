import { Fault } from "./fault.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * How a window becomes a prompt. Part of a base's identity: adapters are trained on one layout and void on any other.
 * `prefix-suffix-middle` is the layout Qwen2.5-Coder and Code Llama were trained on (arXiv 2207.14255, "PSM").
 */
export interface PromptLayout {
	readonly kind: "prefix-suffix-middle";
	/** Token ids of the fill-in-the-middle marks and of the hole's end. */
	readonly prefix: number;
	readonly suffix: number;
	readonly middle: number;
	readonly end: number;
}

export interface MarkNames {
	readonly prefix: string;
	readonly suffix: string;
	readonly middle: string;
	readonly end: string;
}

export function promptLayout(marks: MarkNames, tokenizer: Tokenizer): PromptLayout {
	const id = (name: string): number => {
		const found = tokenizer.controlToken(name);
		if (found === undefined) {
			throw new Fault("base", `the tokenizer has no token ${name}: this base cannot be asked to fill a hole; choose one with fill-in-the-middle tokens`);
		}
		return found;
	};
	return { kind: "prefix-suffix-middle", prefix: id(marks.prefix), suffix: id(marks.suffix), middle: id(marks.middle), end: id(marks.end) };
}

export function buildPrompt(window: { readonly prefix: readonly number[]; readonly suffix: readonly number[] }, layout: PromptLayout): number[] {
	return [layout.prefix, ...window.prefix, layout.suffix, ...window.suffix, layout.middle];
}
