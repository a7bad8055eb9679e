import { createHash } from "node:crypto";
import { mkdir, stat } from "node:fs/promises";
import path from "node:path";
import { buildPrompt, type PromptLayout } from "../../server/core/prompt.ts";
import type { Tokenizer } from "../../server/core/tokenizer.ts";
import { cutWindow, unixLines, type WindowSize } from "../../server/core/window.ts";
import type { Instance } from "../dataset/instance.ts";
import { type TokenSequence, writeTokenFile } from "../dataset/token-file.ts";
import type { OnProgress } from "../progress.ts";
import type { Worker } from "../worker/client.ts";
import type { Recipe } from "../worker/protocol.ts";

export interface TuningJob {
	/** Folder of the base, and its digest. */
	readonly base: { readonly folder: string; readonly digest: string; readonly tokenizer: Tokenizer; readonly layout: PromptLayout };
	/** Adapter underneath, frozen; null directly on the base. */
	readonly parent: { readonly id: string; readonly folder: string } | null;
	readonly recipe: Recipe;
	readonly window: WindowSize;
	readonly train: readonly Instance[];
	/** Its loss is reported after training; nothing is chosen by it. */
	readonly heldOut: readonly Instance[];
	/** Parent folder of all runs. */
	readonly runs: string;
}

export interface Tuned {
	/** Digest of everything the run depends on: the same job continues or repeats the same run. */
	readonly digest: string;
	/** PEFT's two files. */
	readonly folder: string;
	readonly metrics: Readonly<Record<string, number>>;
}

/** Cuts windows and builds prompts here, with the server's own code, and lets the worker learn from token ids. */
export async function tune(job: TuningJob, worker: Worker, onProgress: OnProgress, signal: AbortSignal): Promise<Tuned> {
	const digest = runDigest(job);
	const run = path.join(job.runs, digest.slice(0, 16));
	const folder = path.join(run, "adapter");
	await mkdir(run, { recursive: true });
	const train = path.join(run, "train.safetensors");
	const validation = path.join(run, "held-out.safetensors");
	if (!(await exists(path.join(folder, "adapter_model.safetensors")))) {
		await writeTokenFile(
			train,
			job.train.map((instance) => toSequence(instance, job)),
		);
		await writeTokenFile(
			validation,
			job.heldOut.map((instance) => toSequence(instance, job)),
		);
	}
	const result = await worker.run(
		{
			type: "tune",
			base: job.base.folder,
			parent: job.parent?.folder ?? null,
			train,
			validation: job.heldOut.length === 0 ? null : validation,
			recipe: job.recipe,
			run,
			output: folder,
		},
		{ onProgress, signal },
	);
	const { steps, tokens, seconds, loss, validationLoss } = result;
	return { digest, folder, metrics: { steps, tokens, seconds, loss, ...(validationLoss !== null && { heldOutLoss: validationLoss }) } };
}

function toSequence(instance: Instance, { base, window }: TuningJob): TokenSequence {
	const cut = cutWindow(instance, window, base.tokenizer);
	return { prompt: buildPrompt(cut, base.layout), target: [...base.tokenizer.encode(unixLines(instance.target)), base.layout.end] };
}

function runDigest({ base, parent, recipe, window, train, heldOut }: TuningJob): string {
	const ids = (instances: readonly Instance[]): string[] => instances.map(({ id }) => id);
	return createHash("sha256")
		.update(JSON.stringify([base.digest, parent?.id ?? null, recipe, window, ids(train), ids(heldOut)]))
		.digest("hex");
}

async function exists(file: string): Promise<boolean> {
	return (await stat(file).catch(() => null)) !== null;
}
