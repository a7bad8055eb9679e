import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { StreamMessageReader, StreamMessageWriter } from "vscode-languageserver/node";
import { z } from "zod";
import { openDataset } from "../../trainer/dataset/dataset.ts";
import type { Instance } from "../../trainer/dataset/instance.ts";
import { languageClient } from "../language-client.ts";
import { launcher } from "./run-command.ts";

interface Demo {
	readonly home: string;
	readonly organization: string;
	readonly repository: string;
	readonly environment: NodeJS.ProcessEnv;
}

const State = z.object({ people: z.record(z.string(), z.string()), last: z.object({ trainUntil: z.string() }) });

/** Held-out lines are tried until two authors get different text. */
const tries = 40;

/** Asks two running servers, one for each author, for the same held-out line. */
export async function showTwoAuthors(demo: Demo): Promise<void> {
	const folder = path.join(demo.home, "trainer", demo.organization);
	const { people, last } = State.parse(JSON.parse(await readFile(path.join(folder, "state.json"), "utf8")));
	using dataset = await openDataset(path.join(folder, "instances"));
	const prolific = (await dataset.authors({ until: last.trainUntil })).slice(0, 2).map(({ author }) => people[author] ?? "");
	const [first = "", second = ""] = prolific;
	const [one, two] = [await startServer(demo, first), await startServer(demo, second)];
	try {
		let shown: { instance: Instance; answers: [string, string] } | null = null;
		for await (const instance of dataset.select({ after: last.trainUntil, sample: tries })) {
			const answers: [string, string] = [await one.ask(instance), await two.ask(instance)];
			if (answers[0] === answers[1] || answers.includes("")) continue;
			shown = { instance, answers };
			// Best of all a line that its own author's model knows to the letter.
			const authors = [first, second].indexOf(people[instance.author] ?? "");
			if (answers[authors] === instance.target) break;
		}
		if (shown === null) {
			process.stdout.write(`In ${tries} held-out lines the two authors were answered alike.\n`);
			return;
		}
		const { instance, answers } = shown;
		const lines = instance.prefix.split("\n");
		process.stdout.write(`\n${instance.path}, written by ${people[instance.author]}:\n\n${lines.slice(-6).join("\n")}⟨?⟩\n\n`);
		process.stdout.write(`what was typed  ${instance.target}\n`);
		process.stdout.write(`${first} is offered   ${answers[0]}\n${second} is offered   ${answers[1]}\n`);
	} finally {
		await Promise.all([one.stop(), two.stop()]);
	}
}

async function startServer({ repository, environment }: Demo, author: string) {
	const child = spawn(process.execPath, [launcher("server"), "serve", "--stdio", "--log-level", "warn"], {
		env: environment,
		stdio: ["pipe", "pipe", "inherit"],
	});
	const client = languageClient(new StreamMessageReader(child.stdout), new StreamMessageWriter(child.stdin));
	await client.initialize({ initializationOptions: { author }, workspaceFolders: [pathToFileURL(repository).href] });
	let asked = 0;
	return {
		async ask({ path: file, prefix, suffix, language }: Instance): Promise<string> {
			const uri = pathToFileURL(path.join(repository, `${asked++}`, file)).href;
			await client.open(uri, prefix + suffix, language);
			const lines = prefix.split("\n");
			const items = await client.inline(uri, { line: lines.length - 1, character: lines.at(-1)?.length ?? 0 });
			const item = items?.[0];
			if (item === undefined) return "";
			const text = typeof item.insertText === "string" ? item.insertText : item.insertText.value;
			// The item's range begins at the word before the cursor.
			return text.slice((lines.at(-1)?.length ?? 0) - (item.range?.start.character ?? 0));
		},
		async stop(): Promise<void> {
			await client.shutdown();
			await client.exit();
		},
	};
}
