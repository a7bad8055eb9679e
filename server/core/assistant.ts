/** What the language server and the command line ask: a completion at a place, from the models of whoever types there. */
export interface Typist {
	/** Folder whose Git repository names the author. */
	readonly folder: string;
	/** `Name <address>` in place of Git's answer. */
	readonly author?: string;
	/** Organization in place of the remote and address rules. */
	readonly organization?: string;
}

export interface Place {
	readonly typist: Typist;
	/** Document text before and after the cursor. */
	readonly prefix: string;
	readonly suffix: string;
	/** LSP language id. */
	readonly language: string;
	/** 1 for clients that cannot show more, else 3. */
	readonly maxLines: number;
}

/** Which model answers, and why: always available to the user. */
export interface Source {
	/** Base id, such as `qwen2.5-coder-0.5b`. */
	readonly base: string;
	readonly kind: "developer" | "organization" | "base";
	readonly organization: string | null;
	/** Adapter ids, organization first. */
	readonly adapters: readonly string[];
	/** One sentence. */
	readonly why: string;
}

export interface Answer {
	/** Text to insert at the cursor; never empty; lines separated by \n. */
	readonly text: string;
	/** Probability the model gave to the whole text, 0 to 1. */
	readonly probability: number;
	readonly source: Source;
}

export interface Assistant {
	/** Null when there is nothing sound to suggest or the signal aborted. Throws only Faults. */
	answer(place: Place, signal: AbortSignal): Promise<Answer | null>;
	/** Which model would answer, without asking it. */
	source(typist: Typist): Promise<Source>;
}
