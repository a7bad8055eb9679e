/** Text ↔ token ids of one base model. */
export interface Tokenizer {
	/** Token ids of plain text: never a control token, whatever the text spells. */
	encode(text: string): number[];
	decode(ids: readonly number[]): string;
	/** Id of a control token such as `<|fim_prefix|>`, or undefined when the vocabulary lacks it. */
	controlToken(content: string): number | undefined;
}
