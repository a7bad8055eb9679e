import { Command, CommanderError } from "commander";
import { Fault } from "./core/fault.ts";

/** A command with the conventions of both programs: examples in --help, wrong usage exits 2. */
export function createProgram(name: string, description: string): Command {
	// In one line, as all of a user's mistakes are told.
	const outputError = (text: string, write: (text: string) => void): void => {
		write(
			`${name}: ${text
				.replace(/^error: /, "")
				.trim()
				.replaceAll("\n", " ")} (--help shows examples)\n`,
		);
	};
	return new Command(name).description(description).version("0.1.0").exitOverride().configureOutput({ outputError });
}

export function examples(...lines: readonly string[]): string {
	return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`;
}

/**
 * Runs a program: 0 done, 1 failed with one sentence on stderr, 2 wrong usage, 130 interrupted. A defect keeps its stack.
 * @param interrupted once aborted, whatever fails is its doing: child processes die of the same key press
 */
export async function runProgram(program: Command, interrupted?: AbortSignal): Promise<void> {
	try {
		await program.parseAsync();
	} catch (failure) {
		const error: unknown = interrupted?.aborted === true ? interrupted.reason : failure;
		if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
		else if (error instanceof Fault) {
			process.stderr.write(`${program.name()}: ${error.message}\n`);
			process.exitCode = error.code === "interrupted" ? 130 : error.exitCode;
		} else {
			process.stderr.write(`${program.name()}: this is a defect of Idiolect, please report it:\n${error instanceof Error ? error.stack : String(error)}\n`);
			process.exitCode = 1;
		}
	}
}
