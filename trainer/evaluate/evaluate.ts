import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { complete, type Model } from "../../server/core/completion.ts";
import type { Stack } from "../../server/core/decoder.ts";
import { Fault } from "../../server/core/fault.ts";
import type { Instance } from "../dataset/instance.ts";
import type { OnProgress } from "../progress.ts";

const Outcome = z.object({ id: z.string(), exact: z.boolean(), text: z.string(), milliseconds: z.number() });
export type Outcome = z.infer<typeof Outcome>;

export interface Evaluation {
	readonly instances: readonly Instance[];
	readonly stack: Stack;
	readonly model: Model;
	/** JSON lines of finished outcomes: an interrupted evaluation goes on where it stopped. */
	readonly cache: string;
	readonly onProgress: OnProgress;
	readonly signal: AbortSignal;
}

/**
 * Answers every instance with the serving engine, the server's own window, prompt and filters, and compares with what the author typed.
 * Every stack is cut at the target's number of lines, so that an untuned base is not punished for overrunning the hole.
 */
export async function evaluate({ instances, stack, model, cache, onProgress, signal }: Evaluation): Promise<Outcome[]> {
	await mkdir(dirname(cache), { recursive: true });
	const finished = await readOutcomes(cache);
	const outcomes: Outcome[] = [];
	for (const instance of instances) {
		const outcome = finished.get(instance.id) ?? (await answer(instance, stack, model, signal));
		if (!finished.has(instance.id)) await appendFile(cache, `${JSON.stringify(outcome)}\n`);
		outcomes.push(outcome);
		onProgress({ done: outcomes.length, total: instances.length });
	}
	return outcomes;
}

/** Exact match as in the paper: equal once all white space is removed. */
export function isExactMatch(text: string, target: string): boolean {
	return text.replace(/\s+/g, "") === target.replace(/\s+/g, "");
}

async function answer(instance: Instance, stack: Stack, model: Model, signal: AbortSignal): Promise<Outcome> {
	const started = performance.now();
	const hole = { prefix: instance.prefix, suffix: instance.suffix, maxLines: instance.target.split("\n").length };
	const text = (await complete(hole, stack, model, signal))?.text ?? "";
	if (signal.aborted) throw new Fault("interrupted", "the evaluation was interrupted: run the same command again to continue");
	return { id: instance.id, exact: isExactMatch(text, instance.target), text, milliseconds: Math.round(performance.now() - started) };
}

async function readOutcomes(cache: string): Promise<Map<string, Outcome>> {
	const outcomes = new Map<string, Outcome>();
	const lines = await readFile(cache, "utf8").catch(() => "");
	// A killed run can leave half a line; it is closed, and its instance is answered again.
	if (lines !== "" && !lines.endsWith("\n")) await appendFile(cache, "\n");
	for (const line of lines.split("\n")) {
		const parsed = Outcome.safeParse(tryJson(line));
		if (parsed.success) outcomes.set(parsed.data.id, parsed.data);
	}
	return outcomes;
}

function tryJson(line: string): unknown {
	try {
		return JSON.parse(line);
	} catch {
		return undefined;
	}
}
