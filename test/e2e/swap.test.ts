/** What a running server does when its registry changes under it. The tests are one story: each goes on where the one before ended. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { marked } from "../language-client.ts";
import { start } from "./commands.ts";
import { ident, people } from "./idiomatic-repository.ts";
import { type ServerProcess, startServer } from "./server-process.ts";
import { printed, type TinyWorld, tinyWorld } from "./tiny-world.ts";

const timeout = 600_000;

let world: TinyWorld;
/** Ada's editor, open through all of this. */
let server: ServerProcess;
let uri: string;
const { text, position } = marked("package acme;\n\nclass Part999 {\n    Item take999a(Item it) {\n        return |\n    }\n\n}\n");

beforeAll(async () => {
	world = await tinyWorld();
	await world.repository.git("config", "user.name", people.ada.name);
	await world.repository.git("config", "user.email", people.ada.email);
	uri = pathToFileURL(path.join(world.repository.folder, "src", "New.java")).href;
	server = await openEditor({});
}, timeout);
afterAll(async () => {
	await server[Symbol.asyncDispose]();
	await world[Symbol.asyncDispose]();
});

async function openEditor(initializationOptions: object): Promise<ServerProcess> {
	const opened = await startServer({ environment: world.environment, workspace: world.repository.folder, initializationOptions });
	await opened.client.open(uri, text);
	return opened;
}

/** Changes a file until the returned function puts it back. */
async function tamper(file: string, change: (content: Buffer) => Buffer | string): Promise<() => Promise<void>> {
	const content = await readFile(file);
	await writeFile(file, change(Buffer.from(content)));
	return () => writeFile(file, content);
}

/** The same size, another content, as a failing disk leaves it. */
function flipped(content: Buffer): Buffer {
	const last = content.length - 1;
	content[last] = (content[last] ?? 0) ^ 0xff;
	return content;
}

test("what a refresh publishes answers the very next request", { timeout }, async () => {
	expect(await server.source(uri)).toMatchObject({ kind: "base", adapters: [] });
	const refreshing = start("trainer", world.refreshWords(), world.environment);
	let finished = false;
	refreshing.finished.then(() => {
		finished = true;
	});
	const kinds = new Set<string>();
	while (!finished) {
		await server.insertion(uri, position);
		kinds.add((await server.source(uri)).kind);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	printed(await refreshing.finished);
	expect(await server.source(uri)).toMatchObject({ kind: "developer", organization: "acme", adapters: [expect.any(String), expect.any(String)] });
	expect(await server.insertion(uri, position)).toBe(people.ada.idiom);
	// The organization's adapter was published before the developer's.
	expect([...kinds].slice(0, 2)).toEqual(["base", "organization"]);
	expect(server.warnings()).toEqual([]);
});

test("authors are told apart by Git's configuration and by the editor's settings", { timeout }, async () => {
	await using bruno = await openEditor({ author: ident("bruno") });
	await using newcomer = await openEditor({ author: "Cora <cora@home.example>" });
	const [own, his, theirs] = [await server.source(uri), await bruno.source(uri), await newcomer.source(uri)];
	expect([own.kind, his.kind, theirs.kind]).toEqual(["developer", "developer", "organization"]);
	expect(his.adapters[0]).toBe(own.adapters[0]);
	expect(his.adapters[1]).not.toBe(own.adapters[1]);
	expect(await bruno.insertion(uri, position)).toBe(people.bruno.idiom);
	expect(await server.insertion(uri, position)).toBe(people.ada.idiom);
});

test("a damaged adapter is told once, and what is underneath answers until it is repaired", { timeout }, async () => {
	const [organization = "", developer = ""] = (await server.source(uri)).adapters;
	const weights = (id: string) => path.join(world.registry.folder, "adapters", id, "adapter_model.safetensors");
	await using editor = await startServer({ environment: world.environment, workspace: world.repository.folder });
	await editor.client.open(uri, text);

	const repairDeveloper = await tamper(weights(developer), flipped);
	for (let request = 0; request < 3; request++) {
		expect(await editor.insertion(uri, position)).not.toBeNull();
		expect(await editor.source(uri)).toMatchObject({
			kind: "organization",
			adapters: [organization],
			why: expect.stringContaining("its developer adapter cannot be used"),
		});
	}
	expect(editor.warnings().map(({ msg }) => msg)).toEqual([expect.stringMatching(new RegExp(`^adapter ${developer} in .* is damaged .*SHA-256.*rollback`))]);

	// A server that has not read it yet finds nothing but the base to be sound.
	const repairOrganization = await tamper(weights(organization), flipped);
	await using other = await startServer({ environment: world.environment, workspace: world.repository.folder });
	await other.client.open(uri, text);
	expect(await other.source(uri)).toMatchObject({ kind: "base", adapters: [] });
	await other.insertion(uri, position);
	expect(other.warnings().map(({ msg }) => msg.split(" ")[1])).toEqual([developer, organization]);

	await repairOrganization();
	await repairDeveloper();
	expect(await editor.insertion(uri, position)).toBe(people.ada.idiom);
	expect(await other.insertion(uri, position)).toBe(people.ada.idiom);
});

test("a garbled index is told once, answered with nothing, and forgotten when it is restored", { timeout }, async () => {
	const restore = await tamper(path.join(world.registry.folder, "index.json"), () => "<<<<<<< ours\n");
	for (let request = 0; request < 3; request++) expect(await server.insertion(uri, position)).toBeNull();
	await expect(server.source(uri)).rejects.toThrow(/index\.json cannot be read \(not JSON\): restore it from a copy/);
	expect(server.warnings().map(({ msg }) => msg)).toEqual([expect.stringMatching(/index\.json cannot be read \(not JSON\)/)]);
	await restore();
	expect(await server.insertion(uri, position)).toBe(people.ada.idiom);
});

test("a roll back is served from the next request on", { timeout }, async () => {
	const [organization = "", developer = ""] = (await server.source(uri)).adapters;
	const rollBack = async (...words: string[]) => printed(await world.trainer("rollback", "--organization", "acme", "--json", ...words));
	expect(await rollBack("--author", ident("ada"))).toEqual({ from: developer, to: null });
	expect(await server.source(uri)).toMatchObject({ kind: "organization", adapters: [organization] });
	expect(await server.insertion(uri, position)).not.toBeNull();
	expect(await rollBack()).toEqual({ from: organization, to: null });
	expect(await server.source(uri)).toMatchObject({ kind: "base", organization: "acme", adapters: [] });
});
