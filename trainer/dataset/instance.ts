/** One masked-line example: a hole in a file as it stood at a commit, and what its author typed there. */
export interface Instance {
	/** SHA-256 over repository, commit, path, hole range: the same history gives the same ids. */
	readonly id: string;
	readonly organization: string;
	readonly repository: string;
	readonly commit: string;
	readonly path: string;
	readonly language: string;
	/** Author key of the canonical (mailmapped) address. */
	readonly author: string;
	/** ISO 8601, UTC. Order and splits go by `commitDate`: author dates survive rebases. */
	readonly authorDate: string;
	readonly commitDate: string;
	/** Git object id of the file, and the hole's byte range in it. */
	readonly blob: string;
	readonly holeStart: number;
	readonly holeEnd: number;
	/** File text around the hole, at most 12 KB on either side, cut at a character. */
	readonly prefix: string;
	readonly suffix: string;
	readonly target: string;
	/** Lexer tokens in the target: 3 to 50. */
	readonly targetTokens: number;
	/** Byte range of the enclosing function. */
	readonly scopeStart: number;
	readonly scopeEnd: number;
}
