import {
	type CancellationToken,
	type ClientCapabilities,
	type CompletionContext,
	type CompletionItem,
	type CompletionList,
	createProtocolConnection,
	type InitializeResult,
	type InlineCompletionItem,
	type MessageReader,
	type MessageWriter,
	type Position,
	type ProtocolConnection,
	type ShowMessageParams,
} from "vscode-languageserver/node";

/** An editor's side of the protocol, reduced to what the tests say. */
export interface LanguageClient {
	readonly connection: ProtocolConnection;
	/** What the server told its user. */
	readonly messages: readonly ShowMessageParams[];
	initialize(options?: { capabilities?: ClientCapabilities; initializationOptions?: unknown; workspaceFolders?: string[] }): Promise<InitializeResult>;
	open(uri: string, text: string, languageId?: string): Promise<void>;
	/** Replaces the whole text. */
	change(uri: string, version: number, text: string): Promise<void>;
	complete(uri: string, position: Position, context?: CompletionContext, token?: CancellationToken): Promise<CompletionList>;
	inline(uri: string, position: Position, token?: CancellationToken): Promise<InlineCompletionItem[] | null>;
	resolve(item: CompletionItem): Promise<CompletionItem>;
	why(...uris: string[]): Promise<unknown>;
	shutdown(): Promise<void>;
	exit(): Promise<void>;
}

export function languageClient(reader: MessageReader, writer: MessageWriter): LanguageClient {
	const connection = createProtocolConnection(reader, writer);
	const messages: ShowMessageParams[] = [];
	connection.onNotification("window/showMessage", (params: ShowMessageParams) => {
		messages.push(params);
	});
	connection.listen();
	const request = <Result>(method: string, params: object, token?: CancellationToken): Promise<Result> =>
		token === undefined ? connection.sendRequest<Result>(method, params) : connection.sendRequest<Result>(method, params, token);
	return {
		connection,
		messages,
		async initialize({ capabilities = {}, initializationOptions, workspaceFolders = [] } = {}) {
			const folders = workspaceFolders.map((uri) => ({ uri, name: uri }));
			const result = await request<InitializeResult>("initialize", {
				processId: null,
				rootUri: null,
				capabilities,
				initializationOptions,
				workspaceFolders: folders,
			});
			await connection.sendNotification("initialized", {});
			return result;
		},
		open: (uri, text, languageId = "java") => connection.sendNotification("textDocument/didOpen", { textDocument: { uri, languageId, version: 1, text } }),
		change: (uri, version, text) => connection.sendNotification("textDocument/didChange", { textDocument: { uri, version }, contentChanges: [{ text }] }),
		complete: (uri, position, context, token) => request("textDocument/completion", { textDocument: { uri }, position, context }, token),
		inline: (uri, position, token) => request("textDocument/inlineCompletion", { textDocument: { uri }, position, context: { triggerKind: 2 } }, token),
		resolve: (item) => request("completionItem/resolve", item),
		why: (...uris) => request("workspace/executeCommand", { command: "idiolect.why", arguments: uris }),
		shutdown: () => connection.sendRequest("shutdown"),
		exit: () => connection.sendNotification("exit"),
	};
}

/** A text with one `|` in it, the cursor, as text and LSP position. */
export function marked(source: string): { text: string; position: Position } {
	const [before = "", after] = source.split("|");
	if (after === undefined) throw new Error(`no cursor in ${JSON.stringify(source)}`);
	const lines = before.split(/\r?\n/);
	return { text: before + after, position: { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 } };
}
