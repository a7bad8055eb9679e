import path from "node:path";
import { engineThreads } from "../../server/commands/context.ts";
import { Fault } from "../../server/core/fault.ts";
import { defaultFolders } from "../../server/folders.ts";
import { openRegistry } from "../../server/registry/registry.ts";
import { openProgress } from "../progress.ts";
import { createAuthorKey } from "../publish/author-key.ts";
import { startWorker, type Worker } from "../worker/client.ts";
import { prepareWorker } from "../worker/environment.ts";

export interface CommonOptions {
	readonly registry?: string;
	readonly json?: true;
}

/** A terminal interrupts a whole group of processes, and launchers pass the signal on: what comes this soon is the same key press. */
const samePress = 500;

const interruption = new AbortController();

/** Aborted when the user, or whoever ends this process, wants it to stop; the reason is what they are told. */
export const interrupted: AbortSignal = interruption.signal;

function interrupt(): void {
	interruption.abort(new Fault("interrupted", "stopped on request: run the same command again to continue"));
}

/** What the trainer's commands share. Interrupting once stops at the next checkpoint; twice ends at once. */
export function openContext({ registry, json }: CommonOptions) {
	const folders = defaultFolders(process.env);
	const display = openProgress(process.stderr, { silent: json === true });
	let pressed = 0;
	process.on("SIGINT", () => {
		const now = Date.now();
		if (interrupted.aborted && now - pressed > samePress) process.exit(130);
		if (interrupted.aborted) return;
		pressed = now;
		process.stderr.write("\nStopping at the next checkpoint; press Ctrl-C again to stop at once.\n");
		interrupt();
	});
	process.on("SIGTERM", interrupt);
	const signal = interrupted;
	return {
		folders: { ...folders, registry: registry === undefined ? folders.registry : path.resolve(registry) },
		registry: openRegistry(registry === undefined ? folders.registry : path.resolve(registry)),
		secret: () => createAuthorKey(folders.authorKey),
		display,
		signal,
		threads: engineThreads(),
		openWorker: async (): Promise<Worker> => {
			const environment = await prepareWorker({ cache: folders.cache, environment: process.env, onNote: (text) => process.stderr.write(`${text}\n`), signal });
			return startWorker({ ...environment, onLog: () => undefined, signal });
		},
	};
}

export function printJson(document: unknown): void {
	process.stdout.write(`${JSON.stringify(document)}\n`);
}
