/** The two programs as processes, as a user's shell starts them. */
import { spawn } from "node:child_process";
import path from "node:path";
import { text } from "node:stream/consumers";

const root = path.resolve(import.meta.dirname, "../..");
const launchers = { idiolect: path.join(root, "server/idiolect.js"), trainer: path.join(root, "trainer/idiolect-trainer.js") };

export type Program = keyof typeof launchers;

/** Words of a command line that starts a program with the Node that runs this. */
export function commandLine(program: Program, ...words: readonly string[]): [string, ...string[]] {
	return [process.execPath, launchers[program], ...words];
}

export interface Finished {
	/** Exit code; null when a signal ended it. */
	readonly code: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

export interface Running {
	readonly pid: number;
	/** As `kill -9` does: nothing of the program runs afterwards. */
	kill(): void;
	readonly finished: Promise<Finished>;
}

/** Starts a program; the environment is exactly the given one. */
export function start(program: Program, words: readonly string[], environment: NodeJS.ProcessEnv): Running {
	const [file, ...all] = commandLine(program, ...words);
	const child = spawn(file, all, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
	const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
	const finished = Promise.all([ended, text(child.stdout), text(child.stderr)]).then(([code, stdout, stderr]) => ({ code, stdout, stderr }));
	return { pid: child.pid ?? 0, kill: () => child.kill("SIGKILL"), finished };
}

export function run(program: Program, words: readonly string[], environment: NodeJS.ProcessEnv): Promise<Finished> {
	return start(program, words, environment).finished;
}
