import { pino } from "pino";
import { stdioConnection } from "../lsp/connections.ts";
import { startLanguageServer } from "../lsp/server.ts";
import { openContext } from "./context.ts";

export interface ServeOptions {
	readonly registry?: string;
	readonly logFile?: string;
	readonly logLevel: string;
}

/** One editor over standard input and output. Logs never go to standard output: it belongs to the protocol. */
export async function serveStdio({ registry, logFile, logLevel }: ServeOptions): Promise<void> {
	const log = pino({ level: logLevel }, logFile === undefined ? pino.destination(2) : pino.destination({ dest: logFile, mkdir: true }));
	const context = await openContext(registry, log);
	log.info({ registry: context.registry.folder, process: process.pid }, "serving over standard input and output");
	// A failure is told when somebody asks for a completion.
	context.assistant.warm().catch(() => undefined);
	startLanguageServer({ connection: stdioConnection(), assistant: context.assistant, log });
}
