import { Console } from "node:console";
import type { Readable, Writable } from "node:stream";
import { type Connection, createConnection as createStreamConnection } from "vscode-languageserver";
import { createConnection, createProtocolConnection, StreamMessageReader, StreamMessageWriter } from "vscode-languageserver/node";

/** The process serves one editor over its standard streams, and ends with it: 0 after shutdown and exit, else 1. */
export function stdioConnection(): Connection {
	// Standard output belongs to the protocol, whatever a dependency prints.
	globalThis.console = new Console(process.stderr, process.stderr);
	return createConnection(process.stdin, process.stdout);
}

/** One editor among several in this process: its exit ends its own streams only, with the code its own process would have had. */
export function streamConnection(input: Readable, output: Writable, exit: (code: number) => void): Connection {
	return createStreamConnection((logger) => createProtocolConnection(new StreamMessageReader(input), new StreamMessageWriter(output), logger), {
		shutdownReceived: false,
		initialize: () => {},
		exit,
	});
}
