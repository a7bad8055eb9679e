import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { StreamMessageReader, StreamMessageWriter } from "vscode-languageserver/node";
import { type LanguageClient, languageClient, marked } from "../language-client.ts";

/** Runs a language server as an editor would, talks to it, and gives its exit code. */
async function session(talk: (client: LanguageClient, endInput: () => void) => Promise<void>): Promise<unknown> {
	const server = fileURLToPath(new URL("../clients/scripted-server.ts", import.meta.url));
	const child = spawn(process.execPath, [server, JSON.stringify({ "x = ": "a + b;" })], { stdio: ["pipe", "pipe", "inherit"] });
	const exited = once(child, "exit");
	try {
		await talk(languageClient(new StreamMessageReader(child.stdout), new StreamMessageWriter(child.stdin)), () => child.stdin.end());
		return (await exited)[0];
	} finally {
		child.kill("SIGKILL");
	}
}

test("an editor's whole session over standard streams ends with 0", async () => {
	const code = await session(async (client) => {
		await client.initialize();
		const { text, position } = marked("int x = |");
		await client.open("file:///w/A.java", text);
		expect((await client.complete("file:///w/A.java", position)).items[0]?.textEdit?.newText).toBe("a + b;");
		await client.shutdown();
		await client.exit();
	});
	expect(code).toBe(0);
});

test.each<[string, (client: LanguageClient, endInput: () => void) => Promise<void>]>([
	["exit without shutdown", (client) => client.exit()],
	["the editor's death", async (_client, endInput) => endInput()],
])("%s ends the server with 1", async (_name, end) => {
	const code = await session(async (client, endInput) => {
		await client.initialize();
		await end(client, endInput);
	});
	expect(code).toBe(1);
});
