import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");

/** Path of a command's launcher. */
export function launcher(command: "server" | "trainer"): string {
	return path.join(root, command === "server" ? "server/idiolect.js" : "trainer/idiolect-trainer.js");
}

/** Runs one of the two commands as a user would; ends this process with its code when it fails. */
export async function runCommand(command: "server" | "trainer", words: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
	process.stderr.write(`$ ${command === "server" ? "idiolect" : "idiolect-trainer"} ${words.join(" ")}\n`);
	const child = spawn(process.execPath, [launcher(command), ...words], { stdio: "inherit", env: environment });
	// The terminal interrupts the command too; it saves its state, and this process waits for it.
	const wait = (): void => undefined;
	process.on("SIGINT", wait);
	const [code] = await once(child, "exit");
	process.off("SIGINT", wait);
	if (code !== 0) process.exit(typeof code === "number" ? code : 1);
}
