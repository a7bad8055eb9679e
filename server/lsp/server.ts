import type { Logger } from "pino";
import {
	type CancellationToken,
	type Connection,
	DidChangeWorkspaceFoldersNotification,
	ErrorCodes,
	type InitializeError,
	type InitializeParams,
	type InitializeResult,
	LSPErrorCodes,
	MessageType,
	PositionEncodingKind,
	ResponseError,
	ShowMessageNotification,
	TextDocumentSyncKind,
	TextDocuments,
} from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { Answer, Assistant } from "../core/assistant.ts";
import { clientOf } from "./client.ts";
import { completion, emptyList, triggerCharacters } from "./completion.ts";
import { inlineCompletion } from "./inline-completion.ts";
import { newestWins } from "./newest.ts";
import { resolve } from "./resolve.ts";
import { reporter, type Session } from "./session.ts";
import { readSettings } from "./settings.ts";
import { why, whyCommand } from "./why.ts";

export interface LanguageServerOptions {
	readonly connection: Connection;
	readonly assistant: Assistant;
	readonly log: Logger;
	/** Milliseconds; some clients show no menu at all before the slowest server has answered. */
	readonly menuDeadline?: number;
}

/**
 * Serves one editor. Every request is answered; what is wrong with a completion is told in the log and once to the user.
 * Returns what to call when the connection is gone.
 */
export function startLanguageServer({ connection, assistant, log, menuDeadline = 1500 }: LanguageServerOptions): () => void {
	const documents = new TextDocuments(TextDocument);
	const newest = newestWins<Answer>();
	let state: "new" | "running" | "shut down" = "new";
	let session: Session | undefined;
	const workspaceFolders: string[] = [];

	// A notification: `connection.window.showErrorMessage` would be a request and wait for a button.
	const tell = (type: MessageType, message: string): void => {
		void connection.sendNotification(ShowMessageNotification.type, { type, message });
	};
	const report = reporter(log, (message) => tell(MessageType.Error, message));

	/** The three things every request has in common: the server's state, cancellation, and an answer whatever happens. */
	const answering =
		<Params, Result>(handle: (session: Session, params: Params, cancelled: AbortSignal) => Result | Promise<Result>, empty: (params: Params) => Result) =>
		async (params: Params, token: CancellationToken): Promise<Result | ResponseError> => {
			if (state === "shut down") return new ResponseError(ErrorCodes.InvalidRequest, "the server has been shut down");
			if (session === undefined) return new ResponseError(ErrorCodes.ServerNotInitialized, "the first request must be initialize");
			const controller = new AbortController();
			const subscription = token.onCancellationRequested(() => controller.abort());
			try {
				const result = await handle(session, params, controller.signal);
				return token.isCancellationRequested ? new ResponseError(LSPErrorCodes.RequestCancelled, "the client cancelled the request") : result;
			} catch (error) {
				report(error);
				return empty(params);
			} finally {
				subscription.dispose();
			}
		};

	connection.onInitialize((params): InitializeResult | ResponseError<InitializeError> => {
		if (state !== "new") return new ResponseError(ErrorCodes.InvalidRequest, "the server is initialized only once");
		state = "running";
		const { settings, complaints } = readSettings(params.initializationOptions);
		for (const complaint of complaints) {
			log.warn(complaint);
			tell(MessageType.Warning, complaint);
		}
		workspaceFolders.push(...foldersIn(params));
		// Here and not earlier: the library puts its own handler in place when a client can change its folders.
		connection.onNotification(DidChangeWorkspaceFoldersNotification.type, ({ event }) => {
			const removed = new Set(event.removed.map(({ uri }) => uri));
			const kept = workspaceFolders.filter((uri) => !removed.has(uri));
			workspaceFolders.splice(0, Infinity, ...kept, ...event.added.map(({ uri }) => uri));
		});
		session = { assistant, documents, newest, client: clientOf(params.capabilities), settings, workspaceFolders, menuDeadline, report };
		return {
			serverInfo: { name: "idiolect" },
			capabilities: {
				// The one encoding that every client accepts.
				positionEncoding: PositionEncodingKind.UTF16,
				textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental },
				completionProvider: { resolveProvider: true, triggerCharacters },
				inlineCompletionProvider: true,
				executeCommandProvider: { commands: [whyCommand] },
				workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
			},
		};
	});
	connection.onShutdown(() => {
		state = "shut down";
		newest.stop();
	});

	// An answer for the text as it was before a change is worth nothing.
	documents.onDidChangeContent(({ document }) => newest.drop(document.uri));
	documents.onDidClose(({ document }) => newest.drop(document.uri));
	documents.listen(connection);

	connection.onCompletion(answering(completion, () => emptyList));
	connection.onCompletionResolve(
		answering(
			(current, item) => resolve(item, current.client),
			(item) => item,
		),
	);
	connection.languages.inlineCompletion.on(answering(inlineCompletion, () => null));
	connection.onExecuteCommand(answering(why, () => new ResponseError(ErrorCodes.InternalError, "the server's log tells what went wrong")));
	connection.listen();

	return () => {
		newest.stop();
		connection.dispose();
	};
}

function foldersIn({ workspaceFolders, rootUri }: InitializeParams): string[] {
	if (workspaceFolders) return workspaceFolders.map(({ uri }) => uri);
	return rootUri ? [rootUri] : [];
}
