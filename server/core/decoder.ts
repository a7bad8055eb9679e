/** Which weights answer: the base alone, or adapters on it in the order they were trained. */
export interface Stack {
	/** Adapter ids, organization first, developer last; empty for the base alone. */
	readonly adapters: readonly string[];
}

export interface DecodeRequest {
	/** The whole prompt as token ids. */
	readonly prompt: readonly number[];
	readonly stack: Stack;
	/** At most this many new tokens. */
	readonly maxTokens: number;
	/** Token ids that end the hole; never part of the answer. */
	readonly endTokens: readonly number[];
	/** Asked after every token with all new ids; true stops before the limit. */
	readonly isComplete?: (ids: readonly number[]) => boolean;
}

export interface Decoded {
	readonly ids: readonly number[];
	/** Natural logarithm of the probability of each id, same length as `ids`. */
	readonly logProbabilities: readonly number[];
	readonly finish: "end" | "complete" | "length" | "aborted";
}

/** Greedy decoding on one base model. Drivers: onnx (worker thread), canned (tests). */
export interface Decoder extends AsyncDisposable {
	/** An aborted signal ends decoding between two steps with `finish: "aborted"` and what is sound so far. */
	decode(request: DecodeRequest, signal?: AbortSignal): Promise<Decoded>;
}
