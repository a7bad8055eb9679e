/** One candidate: trained, answered by the serving engine beside what it must beat, decided on, and published if it is better. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { BaseModel } from "../../server/assistant/base-model.ts";
import type { AdapterManifest, Comparison, GateDecision } from "../../server/registry/manifest.ts";
import type { Registry } from "../../server/registry/registry.ts";
import type { Instance } from "../dataset/instance.ts";
import { evaluate, type Outcome } from "../evaluate/evaluate.ts";
import { compare } from "../gate/compare.ts";
import { decide } from "../gate/gate.ts";
import type { ProgressDisplay } from "../progress.ts";
import { replaceFile } from "../publish/durable.ts";
import type { Recognition } from "../publish/promote.ts";
import type { TuningRecipe } from "../recipes/recipes.ts";
import { type Tuned, tune } from "../tune/tune.ts";
import type { Worker } from "../worker/client.ts";
import { describeLineage } from "./lineage.ts";
import { publishPromoted } from "./publish-promoted.ts";

export interface Court {
	readonly organization: string;
	/** Digest of the base that is served, and the loaded model; it finds the adapters that `place` was told of. */
	readonly base: string;
	readonly model: BaseModel;
	readonly place: (adapter: string, folder: string) => void;
	readonly recipe: TuningRecipe;
	readonly registry: Registry;
	/** The organization's private folder: runs and evaluations. */
	readonly folder: string;
	readonly recognition: Recognition;
	readonly worker: Worker;
	readonly display: ProgressDisplay;
	readonly signal: AbortSignal;
}

export interface Candidate {
	readonly kind: "organization" | "developer";
	readonly author: string | null;
	readonly name: string;
	readonly parent: AdapterManifest | null;
	readonly train: readonly Instance[];
	readonly heldOut: readonly Instance[];
	/** What is served to them now, if it is more than the base; null on a first promotion. */
	readonly served: readonly string[] | null;
	/** As many foreign instances for the control; null for none. */
	readonly control: readonly Instance[] | null;
}

export interface Verdict {
	readonly kind: "organization" | "developer";
	/** Author key, and the name for this machine's own output. */
	readonly author: string | null;
	readonly name: string;
	readonly adapter: string;
	readonly trained: number;
	readonly metrics: Readonly<Record<string, number>>;
	readonly gate: GateDecision;
	/** Exact matches by stack, on the same held-out instances. */
	readonly exact: Readonly<Record<string, number>>;
	/** Against the same recipe on as many foreign instances: what is left is personalization, not format. */
	readonly control: Comparison | null;
	/** Median milliseconds of an answer of the candidate, cold, on this machine. */
	readonly milliseconds: number;
}

/** Held-out instances whose loss is reported after training. */
const lossInstances = 100;

/** Interrupted, it goes on where it stopped; finished, it gives the same verdict again. */
export async function judge(candidate: Candidate, court: Court): Promise<Verdict> {
	const { tuned, id } = await train(candidate, candidate.train, `${candidate.kind} ${candidate.name}`, court);
	const file = path.join(tuned.folder, "..", "verdict.json");
	const known = await readFile(file, "utf8").catch(() => null);
	if (known !== null) return JSON.parse(known) as Verdict;

	const answers = (adapters: readonly string[], label: string) => answer(candidate, adapters, label, court);
	const underneath = candidate.parent === null ? [] : [candidate.parent.id];
	const base = await answers([], "the base");
	const parent = candidate.parent === null ? null : await answers(underneath, "the organization adapter");
	// After a crash right behind the promotion, what is served is the candidate itself.
	const served = candidate.served === null || candidate.served.at(-1) === id ? null : await answers(candidate.served, "what is served");
	const own = await answers([...underneath, id], "the candidate");
	const gate = decide({ candidate: exact(own), base: exact(base), served: served && exact(served), parent: parent && exact(parent) });
	if (gate.decision === "promote") await publish(candidate, id, tuned, gate, court);

	const control =
		candidate.control === null ? null : await answers([(await train(candidate, candidate.control, "the foreign control", court)).id], "the foreign control");
	const verdict: Verdict = {
		kind: candidate.kind,
		author: candidate.author,
		name: candidate.name,
		adapter: id,
		trained: candidate.train.length,
		metrics: tuned.metrics,
		gate,
		exact: {
			base: count(base),
			...(control && { control: count(control) }),
			...(parent && { organization: count(parent) }),
			...(served && { served: count(served) }),
			candidate: count(own),
		},
		control: control && compare(exact(own), exact(control)),
		milliseconds: median(own.map(({ milliseconds }) => milliseconds)),
	};
	await replaceFile(file, `${JSON.stringify(verdict)}\n`);
	return verdict;
}

async function train(candidate: Candidate, instances: readonly Instance[], label: string, court: Court): Promise<{ tuned: Tuned; id: string }> {
	const { registry, organization, recipe, model, base, worker, display, signal } = court;
	const tuned = await tune(
		{
			base: { folder: path.join(registry.folder, "bases", base), digest: base, tokenizer: model.parts.tokenizer, layout: model.parts.layout },
			parent: candidate.parent === null ? null : { id: candidate.parent.id, folder: path.join(registry.folder, "adapters", candidate.parent.id) },
			recipe: recipe[candidate.kind],
			window: recipe.window,
			train: instances,
			heldOut: candidate.heldOut.slice(0, lossInstances),
			runs: path.join(court.folder, "runs"),
		},
		worker,
		display.begin(`training ${label}`),
		signal,
	);
	const id = adapterId(organization, candidate.kind, tuned);
	court.place(id, tuned.folder);
	return { tuned, id };
}

function answer(candidate: Candidate, adapters: readonly string[], label: string, { folder, base, model, recipe, display, signal }: Court): Promise<Outcome[]> {
	return evaluate({
		instances: candidate.heldOut,
		stack: { adapters },
		model: { ...model.parts, window: recipe.window },
		cache: path.join(folder, "evaluations", `${stackDigest(base, adapters, recipe)}.jsonl`),
		onProgress: display.begin(`evaluating ${label} on ${candidate.name}`),
		signal,
	});
}

async function publish(candidate: Candidate, id: string, { folder, metrics }: Tuned, gate: GateDecision, court: Court): Promise<void> {
	const { registry, recognition, organization, base, recipe } = court;
	await publishPromoted(registry, folder, recognition, {
		format: 1,
		id,
		kind: candidate.kind,
		organization,
		author: candidate.author,
		base,
		parent: candidate.parent?.id ?? null,
		rank: recipe[candidate.kind].rank,
		window: recipe.window,
		lineage: describeLineage(candidate.train),
		recipe: { name: recipe.name, ...recipe[candidate.kind] },
		metrics: { ...metrics },
		gate,
	});
}

/** The same run has the same id, so that a publication that was cut short is finished, not repeated. */
function adapterId(organization: string, kind: Candidate["kind"], { digest }: Tuned): string {
	const slug = organization
		.toLowerCase()
		.replace(/[^a-z0-9]+/g, "-")
		.replace(/^-|-$/g, "");
	return `${slug === "" ? "organization" : slug}-${kind}-${digest.slice(0, 12)}`;
}

function stackDigest(base: string, adapters: readonly string[], { window }: TuningRecipe): string {
	return createHash("sha256")
		.update(JSON.stringify([base, adapters, window]))
		.digest("hex")
		.slice(0, 16);
}

function exact(outcomes: readonly Outcome[]): boolean[] {
	return outcomes.map((outcome) => outcome.exact);
}

function count(outcomes: readonly Outcome[]): number {
	return exact(outcomes).filter(Boolean).length;
}

function median(values: readonly number[]): number {
	const sorted = [...values].sort((left, right) => left - right);
	return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
