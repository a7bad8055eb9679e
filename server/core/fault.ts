/**
 * The one error a user is meant to read: what failed, why, and what to do about it, in one sentence.
 * Every other error is a defect and keeps its stack.
 */
export type FaultCode =
	| "usage" // wrong words on the command line: exit 2
	| "environment" // Python, Node, disk space, network
	| "repository" // Git: not a repository, no commits, unreadable
	| "base" // unknown, truncated, of a wrong digest, refused by the parity check
	| "registry" // unreadable, locked, corrupted
	| "adapter" // made for another base, corrupted
	| "data" // too few instances, unreadable dataset
	| "worker" // the fine-tuning worker failed or spoke another protocol
	| "disagreement" // two parts that must agree did not
	| "interrupted"; // stopped on request: the next run continues

export class Fault extends Error {
	readonly code: FaultCode;

	constructor(code: FaultCode, message: string, options?: { cause?: unknown }) {
		super(message, options);
		this.name = "Fault";
		this.code = code;
	}

	/** 2 for wrong usage, 1 for everything else. */
	get exitCode(): 1 | 2 {
		return this.code === "usage" ? 2 : 1;
	}
}
