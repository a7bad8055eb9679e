import { PassThrough } from "node:stream";
import pino from "pino";
import { afterEach, expect, test } from "vitest";
import { CancellationTokenSource, type ClientCapabilities, StreamMessageReader, StreamMessageWriter } from "vscode-languageserver/node";
import { type LanguageClient, languageClient, marked } from "../../test/language-client.ts";
import type { Answer, Assistant, Place, Source } from "../core/assistant.ts";
import { Fault } from "../core/fault.ts";
import { streamConnection } from "./connections.ts";
import { startLanguageServer } from "./server.ts";

const uri = "file:///w/src/A.java";
const source: Source = { base: "small", kind: "base", organization: null, adapters: [], why: "No adapter." };
const snippets: ClientCapabilities = { textDocument: { completion: { completionItem: { snippetSupport: true } } } };
const answerOf = (text: string): Answer => ({ text, probability: 0.8, source });
const edit = (newText: string, line: number, from: number, to: number) => ({
	newText,
	range: { start: { line, character: from }, end: { line, character: to } },
});

interface Running {
	readonly client: LanguageClient;
	readonly places: readonly Place[];
	readonly logged: readonly { msg: string }[];
	readonly exits: readonly number[];
}

const ends: (() => void)[] = [];
afterEach(() => {
	for (const end of ends.splice(0)) end();
});

/** A server and an editor in one process, over real message streams. */
function running(answer: (place: Place, signal: AbortSignal) => Answer | null | Promise<Answer | null>, menuDeadline?: number): Running {
	const [toServer, toClient] = [new PassThrough(), new PassThrough()];
	const places: Place[] = [];
	const logged: { msg: string }[] = [];
	const exits: number[] = [];
	const assistant: Assistant = {
		async answer(place, signal) {
			places.push(place);
			return answer(place, signal);
		},
		async source({ folder }) {
			if (folder === "/broken") throw new Fault("repository", "/broken is not a Git repository: run git init");
			return { ...source, why: `Asked for ${folder}.` };
		},
	};
	const log = pino({}, { write: (line: string) => logged.push(JSON.parse(line)) });
	const connection = streamConnection(toServer, toClient, (code) => exits.push(code));
	const stop = startLanguageServer({ connection, assistant, log, ...(menuDeadline === undefined ? {} : { menuDeadline }) });
	const client = languageClient(new StreamMessageReader(toClient), new StreamMessageWriter(toServer));
	ends.push(() => {
		client.connection.dispose();
		stop();
	});
	return { client, places, logged, exits };
}

/** An answer that comes when the test says so, and whether it was aborted meanwhile. */
function slow() {
	const state = { aborted: false };
	const asked = Promise.withResolvers<void>();
	const { promise, resolve } = Promise.withResolvers<Answer | null>();
	const answer = (_place: Place, signal: AbortSignal): Promise<Answer | null> => {
		signal.addEventListener("abort", () => {
			state.aborted = true;
		});
		asked.resolve();
		return promise;
	};
	return { answer, state, asked: asked.promise, finish: (text: string) => resolve(answerOf(text)) };
}

const empty = { isIncomplete: true, items: [] };

test("capabilities", async () => {
	const { client } = running(() => null);
	expect(await client.initialize()).toMatchObject({
		serverInfo: { name: "idiolect" },
		capabilities: {
			positionEncoding: "utf-16",
			textDocumentSync: { openClose: true, change: 2 },
			completionProvider: { resolveProvider: true, triggerCharacters: expect.arrayContaining([".", "("]) },
			inlineCompletionProvider: true,
			executeCommandProvider: { commands: ["idiolect.why"] },
		},
	});
});

test.each([
	{ name: "plain item", text: "x = |;", answer: "a();", edit: edit("a();", 0, 4, 4), inline: edit("a();", 0, 4, 4) },
	{ name: "word before the cursor", text: "x = fo|", answer: "o();", edit: edit("foo();", 0, 4, 6), inline: edit("foo();", 0, 4, 6) },
	{
		name: "several lines with snippets",
		text: "\tx(|",
		answer: "a,\n\t\t$b}",
		capabilities: snippets,
		edit: edit("a,\n\t\\$b\\}", 0, 3, 3),
		inline: edit("a,\n\t\t$b}", 0, 3, 3),
	},
	{ name: "several lines without snippets", text: "x(|", answer: "a,\nb", edit: edit("a,", 0, 2, 2), inline: edit("a,\nb", 0, 2, 2) },
	{ name: "astral characters, CRLF and tabs", text: "// 🙂\r\n\t/* 𝒳 */ fo|\r\n", answer: "o", edit: edit("foo", 1, 10, 12), inline: edit("foo", 1, 10, 12) },
])("$name", async ({ text: source, answer, edit: expected, inline, capabilities = {} }) => {
	const { client, places } = running(() => answerOf(answer));
	await client.initialize({ capabilities });
	const { text, position } = marked(source);
	await client.open(uri, text);
	const list = await client.complete(uri, position);
	expect(list).toMatchObject({ isIncomplete: true, items: [{ textEdit: expected }] });
	expect(await client.inline(uri, position)).toEqual([{ insertText: inline.newText, range: inline.range }]);
	expect(places.map(({ maxLines }) => maxLines)).toEqual([capabilities === snippets ? 3 : 1, 3]);
	const [before, after] = source.replaceAll("\r\n", "\n").split("|");
	expect(places[0]).toMatchObject({ prefix: before, suffix: after, language: "java", typist: { folder: "/w/src" } });
});

test("resolving an item tells its model", async () => {
	const { client } = running(() => answerOf("a"));
	await client.initialize();
	await client.open(uri, "");
	const [item] = (await client.complete(uri, { line: 0, character: 0 })).items;
	expect(await client.resolve(item ?? { label: "" })).toMatchObject({ label: "a", documentation: expect.stringMatching(/80 %.*small.*No adapter\./s) });
});

test.each([
	["a document that is not open", "file:///w/Other.java", { line: 0, character: 0 }],
	["a position outside of the document", uri, { line: 7, character: 0 }],
])("%s has no completions and asks nothing", async (_name, document, position) => {
	const { client, places } = running(() => answerOf("a"));
	await client.initialize();
	await client.open(uri, "x");
	expect(await client.complete(document, position)).toEqual(empty);
	expect(await client.inline(document, position)).toBeNull();
	expect(places).toEqual([]);
});

test("a space typed as indentation asks nothing, one after a word does", async () => {
	const { client } = running(() => answerOf("a"));
	await client.initialize();
	await client.open(uri, "  \nreturn ");
	const space = { triggerKind: 2 as const, triggerCharacter: " " };
	expect((await client.complete(uri, { line: 0, character: 2 }, space)).items).toHaveLength(0);
	expect((await client.complete(uri, { line: 1, character: 7 }, space)).items).toHaveLength(1);
});

test("a newer request of a document supersedes the older one, and both are answered", async () => {
	const first = slow();
	const { client } = running((place, signal) => (place.prefix === "a" ? first.answer(place, signal) : answerOf("new")));
	await client.initialize();
	await client.open(uri, "ab");
	const older = [client.complete(uri, { line: 0, character: 1 })];
	await first.asked;
	expect((await client.complete(uri, { line: 0, character: 2 })).items).toHaveLength(1);
	expect(await older[0]).toEqual(empty);
	expect(first.state.aborted).toBe(true);
});

test("a menu and an inline request at one place share one generation", async () => {
	const { answer, asked, finish } = slow();
	const { client, places } = running(answer);
	await client.initialize({ capabilities: snippets });
	await client.open(uri, "a");
	const at = { line: 0, character: 1 };
	const both = Promise.all([client.complete(uri, at), client.inline(uri, at)]);
	await asked;
	// Answered after everything sent before it was read.
	await client.why(uri);
	finish("b");
	expect(await both).toMatchObject([{ items: [{ label: "ab" }] }, [{ insertText: "ab" }]]);
	expect(places).toHaveLength(1);
});

test.each(["complete", "inline"] as const)("a cancelled request is answered with RequestCancelled: %s", async (method) => {
	const { answer, state, asked } = slow();
	const { client } = running(answer);
	await client.initialize();
	await client.open(uri, "a");
	const cancel = new CancellationTokenSource();
	const at = { line: 0, character: 1 };
	const request = method === "complete" ? client.complete(uri, at, undefined, cancel.token) : client.inline(uri, at, cancel.token);
	await asked;
	cancel.cancel();
	await expect(request).rejects.toMatchObject({ code: -32800 });
	expect(state.aborted).toBe(true);
});

test("an answer for a text that changed meanwhile is dropped", async () => {
	const { answer, state, asked, finish } = slow();
	const { client } = running(answer);
	await client.initialize();
	await client.open(uri, "a");
	const requests = [client.complete(uri, { line: 0, character: 1 })];
	await asked;
	await client.change(uri, 2, "ab");
	expect(await requests[0]).toEqual(empty);
	finish("late");
	expect(state.aborted).toBe(true);
});

test("a menu is answered within its deadline, and asking again takes the late answer", async () => {
	const { answer, finish } = slow();
	const { client, places } = running(answer, 20);
	await client.initialize();
	await client.open(uri, "a");
	expect(await client.complete(uri, { line: 0, character: 1 })).toEqual(empty);
	finish("b");
	expect((await client.complete(uri, { line: 0, character: 1 })).items).toMatchObject([{ label: "ab" }]);
	expect(places).toHaveLength(1);
});

test("a fault is logged and shown once, and the requests are answered", async () => {
	const { client, logged } = running(() => {
		throw new Fault("base", "there is no base model: run idiolect-trainer base add");
	});
	await client.initialize();
	await client.open(uri, "a");
	for (const character of [0, 1]) {
		expect(await client.complete(uri, { line: 0, character })).toEqual(empty);
		expect(await client.inline(uri, { line: 0, character })).toBeNull();
	}
	expect(client.messages).toEqual([{ type: 1, message: "there is no base model: run idiolect-trainer base add" }]);
	expect(logged.map(({ msg }) => msg)).toEqual(["there is no base model: run idiolect-trainer base add"]);
});

test.each([
	["a defect is logged with its stack, not shown", new TypeError("x is undefined"), ["a defect in the language server"]],
	["an interruption is no news", new Fault("interrupted", "stopped"), []],
])("%s", async (_name, error, messages) => {
	const { client, logged } = running(() => Promise.reject(error));
	await client.initialize();
	await client.open(uri, "a");
	expect(await client.complete(uri, { line: 0, character: 0 })).toEqual(empty);
	expect(logged.map(({ msg }) => msg)).toEqual(messages);
	expect(client.messages).toEqual([]);
});

test("settings and workspace folders reach the assistant; an invalid setting is told once", async () => {
	const { client, places } = running(() => null);
	const initializationOptions = { author: "nobody", organization: "acme" };
	await client.initialize({ initializationOptions, workspaceFolders: ["file:///w"], capabilities: { workspace: { workspaceFolders: true } } });
	await client.open(uri, "a");
	await client.complete(uri, { line: 0, character: 0 });
	const folders = [{ uri: "file:///w", name: "w" }];
	await client.connection.sendNotification("workspace/didChangeWorkspaceFolders", { event: { added: [{ uri: "file:///w/src", name: "" }], removed: folders } });
	await client.complete(uri, { line: 0, character: 1 });
	expect(places.map(({ typist }) => typist)).toEqual([
		{ folder: "/w", organization: "acme" },
		{ folder: "/w/src", organization: "acme" },
	]);
	expect(client.messages).toEqual([{ type: 2, message: expect.stringContaining('"author"') }]);
});

test("idiolect.why names the model for a document", async () => {
	const { client } = running(() => null);
	await client.initialize();
	expect(await client.why(uri)).toEqual({ ...source, why: "Asked for /w/src." });
	await expect(client.why()).rejects.toMatchObject({ code: -32602 });
	await expect(client.why("file:///broken/A.java")).rejects.toMatchObject({ code: -32803, message: expect.stringContaining("git init") });
});

test("before initialize and after shutdown requests are refused, and exit has the right code", async () => {
	const { client, exits } = running(() => answerOf("a"));
	await expect(client.complete(uri, { line: 0, character: 0 })).rejects.toMatchObject({ code: -32002 });
	await client.initialize();
	await expect(client.initialize()).rejects.toMatchObject({ code: -32600 });
	await client.shutdown();
	await expect(client.complete(uri, { line: 0, character: 0 })).rejects.toMatchObject({ code: -32600 });
	await client.exit();
	await expect.poll(() => exits).toEqual([0]);
});

test("exit without shutdown has code 1", async () => {
	const { client, exits } = running(() => null);
	await client.initialize();
	await client.exit();
	await expect.poll(() => exits).toEqual([1]);
});
