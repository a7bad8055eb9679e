/** The one place that starts the `git` program. */
import { execa } from "execa";
import { Fault } from "../core/fault.ts";

/** No locks, no prompts, no downloads; and the folder alone says which repository is meant, also when a Git hook started us. */
const environment = {
	GIT_OPTIONAL_LOCKS: "0",
	GIT_TERMINAL_PROMPT: "0",
	GIT_NO_LAZY_FETCH: "1",
	GIT_DIR: undefined,
	GIT_WORK_TREE: undefined,
	GIT_INDEX_FILE: undefined,
	LC_ALL: "C",
};

export interface GitOutput {
	readonly exitCode: number;
	readonly stdout: string;
	readonly stderr: string;
}

/** Runs `git -C folder …arguments_` to its end, whatever its exit code. A missing program is a Fault, an aborted signal an error. */
export async function git(arguments_: readonly string[], folder: string, signal?: AbortSignal): Promise<GitOutput> {
	const result = await execa("git", ["-C", folder, ...arguments_], {
		env: environment,
		stdin: "ignore",
		reject: false,
		...(signal && { cancelSignal: signal }),
	});
	signal?.throwIfAborted();
	if (result.exitCode !== undefined) return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
	throw result.code === "ENOENT" ? missing(result) : result;
}

/** Starts git with its output as a stream of bytes, and its input open: for histories too large to hold. */
export function startGit(arguments_: readonly string[], folder: string, signal?: AbortSignal) {
	return execa("git", ["-C", folder, ...arguments_], {
		env: environment,
		stdin: "pipe",
		buffer: { stdout: false, stderr: true },
		encoding: "buffer",
		reject: false,
		...(signal && { cancelSignal: signal }),
	});
}

function missing(cause: unknown): Fault {
	return new Fault("environment", "the program git was not found on the PATH: install Git, or add its folder to the PATH", { cause });
}
