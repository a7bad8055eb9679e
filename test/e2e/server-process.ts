/** A running language server with an editor's side of the protocol at its standard streams. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { type Position, StreamMessageReader, StreamMessageWriter } from "vscode-languageserver/node";
import type { Source } from "../../server/core/assistant.ts";
import { type LanguageClient, languageClient } from "../language-client.ts";
import { commandLine } from "./commands.ts";

interface LogLine {
	readonly level: number;
	readonly msg: string;
	readonly code?: string;
}

export interface ServerProcess extends AsyncDisposable {
	readonly client: LanguageClient;
	/** What was logged as a warning or an error so far. */
	warnings(): LogLine[];
	/** What is inserted behind the cursor: the inline completion without what stands there already; null for none. */
	insertion(uri: string, position: Position): Promise<string | null>;
	source(uri: string): Promise<Source>;
}

export interface ServerOptions {
	readonly environment: NodeJS.ProcessEnv;
	/** The editor's workspace. */
	readonly workspace: string;
	readonly initializationOptions?: object;
}

const warning = 40;

export async function startServer({ environment, workspace, initializationOptions }: ServerOptions): Promise<ServerProcess> {
	const [file, ...words] = commandLine("idiolect", "serve", "--stdio");
	const child = spawn(file, words, { env: environment, stdio: ["pipe", "pipe", "pipe"] });
	const log: LogLine[] = [];
	createInterface({ input: child.stderr }).on("line", (line) => log.push(line.startsWith("{") ? JSON.parse(line) : { level: warning, msg: line }));
	const client = languageClient(new StreamMessageReader(child.stdout), new StreamMessageWriter(child.stdin));
	const exited = once(child, "exit");
	await client.initialize({ initializationOptions, workspaceFolders: [pathToFileURL(workspace).href] });
	return {
		client,
		warnings: () => log.filter(({ level }) => level >= warning),
		async insertion(uri, position) {
			const [item] = (await client.inline(uri, position)) ?? [];
			if (item === undefined || typeof item.insertText !== "string") return null;
			return item.insertText.slice(position.character - (item.range?.start.character ?? position.character));
		},
		source: async (uri) => (await client.why(uri)) as Source,
		async [Symbol.asyncDispose]() {
			if (child.exitCode !== null) throw new Error(`the server ended by itself with ${child.exitCode}`);
			await client.shutdown();
			await client.exit();
			const [code, signal] = await exited;
			if (code !== 0) throw new Error(`the server ended with ${code ?? signal}: ${log.at(-1)?.msg}`);
		},
	};
}
