/** One round: an organization candidate, then developer candidates on top of what is served after it; each judged, and published if better. */
import { createHash } from "node:crypto";
import path from "node:path";
import { type BaseModel, loadBaseModel } from "../../server/assistant/base-model.ts";
import { Fault } from "../../server/core/fault.ts";
import type { AdapterManifest, Comparison, GateDecision } from "../../server/registry/manifest.ts";
import type { Registry } from "../../server/registry/registry.ts";
import type { Dataset } from "../dataset/dataset.ts";
import type { Instance } from "../dataset/instance.ts";
import { evaluate, type Outcome } from "../evaluate/evaluate.ts";
import { compare } from "../gate/compare.ts";
import { decide } from "../gate/gate.ts";
import type { ProgressDisplay } from "../progress.ts";
import type { Recognition } from "../publish/promote.ts";
import type { TuningRecipe } from "../recipes/recipes.ts";
import { type Tuned, tune } from "../tune/tune.ts";
import type { Worker } from "../worker/client.ts";
import { describeLineage } from "./lineage.ts";
import { publishPromoted } from "./publish-promoted.ts";
import type { Split } from "./split.ts";

export interface RoundOptions {
	readonly organization: string;
	/** Digest of the base that is served. */
	readonly base: string;
	readonly split: Split;
	readonly recipe: TuningRecipe;
	/** Held-out instances that judge a candidate, at most. */
	readonly heldOut: number;
	/** A developer with fewer instances gets no adapter. */
	readonly minimumInstances: number;
	readonly registry: Registry;
	readonly dataset: Dataset;
	/** Foreign instances: as many of them are learned from as a control that tells format from personalization; null for none. */
	readonly control: Dataset | null;
	/** The organization's private folder: runs and evaluations. */
	readonly folder: string;
	readonly recognition: Recognition;
	readonly people: Readonly<Record<string, string>>;
	readonly threads: number;
	readonly worker: Worker;
	readonly display: ProgressDisplay;
	readonly signal: AbortSignal;
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

/** Fewer held-out instances than this can show nothing about a developer, so nothing is spent on training. */
const fewestHeldOut = 20;

/** Held-out instances whose loss is reported after training. */
const lossInstances = 100;

interface Candidate {
	readonly kind: "organization" | "developer";
	readonly author: string | null;
	readonly name: string;
	readonly parent: AdapterManifest | null;
	readonly train: readonly Instance[];
	readonly heldOut: readonly Instance[];
	/** What is served to them now, if it is more than the base; null on a first promotion. */
	readonly served: readonly string[] | null;
}

export async function runRound(options: RoundOptions): Promise<Verdict[]> {
	const { registry, organization, recipe, heldOut, minimumInstances, dataset, people } = options;
	const { trainUntil, testUntil } = options.split;
	const folders = new Map<string, string>();
	await using model = await loadBaseModel(registry, options.base, options.threads, (id) => folders.get(id) ?? path.join(registry.folder, "adapters", id));
	const judge = (candidate: Candidate) => judgeCandidate(candidate, model, folders, options);

	const verdicts = [
		await judge({
			kind: "organization",
			author: null,
			name: organization,
			parent: null,
			train: await Array.fromAsync(dataset.select({ until: trainUntil, newest: recipe.organizationInstances })),
			heldOut: await Array.fromAsync(dataset.select({ after: trainUntil, until: testUntil, sample: heldOut })),
			served: await servedStack(registry, organization, null),
		}),
	];
	const parent = await servedAdapter(registry, organization, null);
	if (parent === null) return verdicts;
	for (const { author, instances } of await dataset.authors({ until: trainUntil })) {
		if (instances < minimumInstances) continue;
		const test = await Array.fromAsync(dataset.select({ author, after: trainUntil, until: testUntil, sample: heldOut }));
		if (test.length < fewestHeldOut) continue;
		verdicts.push(
			await judge({
				kind: "developer",
				author,
				name: people[author] ?? author,
				parent,
				train: await Array.fromAsync(dataset.select({ author, until: trainUntil, newest: recipe.developerInstances })),
				heldOut: test,
				served: await servedStack(registry, organization, author),
			}),
		);
	}
	return verdicts;
}

async function judgeCandidate(candidate: Candidate, model: BaseModel, folders: Map<string, string>, options: RoundOptions): Promise<Verdict> {
	const { registry, organization, recipe, worker, display, signal } = options;
	const isOrganization = candidate.kind === "organization";
	if (candidate.train.length === 0)
		throw new Fault("data", `${candidate.name} has no instance to learn from before ${options.split.trainUntil}: mine more history`);

	const train = async (instances: readonly Instance[], label: string): Promise<{ id: string; tuned: Tuned }> => {
		const tuned = await tune(
			{
				base: { folder: path.join(registry.folder, "bases", options.base), digest: options.base, tokenizer: model.parts.tokenizer, layout: model.parts.layout },
				parent: candidate.parent === null ? null : { id: candidate.parent.id, folder: path.join(registry.folder, "adapters", candidate.parent.id) },
				recipe: isOrganization ? recipe.organization : recipe.developer,
				window: recipe.window,
				train: instances,
				heldOut: candidate.heldOut.slice(0, lossInstances),
				runs: path.join(options.folder, "runs"),
			},
			worker,
			display.begin(`training ${label}`),
			signal,
		);
		const id = adapterId(organization, candidate.kind, tuned);
		folders.set(id, tuned.folder);
		return { id, tuned };
	};
	const answer = (adapters: readonly string[], label: string): Promise<Outcome[]> =>
		evaluate({
			instances: candidate.heldOut,
			stack: { adapters },
			model: { ...model.parts, window: recipe.window },
			cache: path.join(options.folder, "evaluations", `${stackDigest(options.base, adapters, recipe)}.jsonl`),
			onProgress: display.begin(`evaluating ${label} on ${candidate.name}`),
			signal,
		});

	const { id, tuned } = await train(candidate.train, `${candidate.kind} ${candidate.name}`);
	const underneath = candidate.parent === null ? [] : [candidate.parent.id];
	const base = await answer([], "the base");
	const parent = candidate.parent === null ? null : await answer(underneath, "the organization adapter");
	const served = candidate.served === null ? null : await answer(candidate.served, "what is served");
	const own = await answer([...underneath, id], "the candidate");
	const gate = decide({ candidate: exact(own), base: exact(base), served: served && exact(served), parent: parent && exact(parent) });

	if (gate.decision === "promote") {
		await publishPromoted(registry, tuned.folder, options.recognition, {
			format: 1,
			id,
			kind: candidate.kind,
			organization,
			author: candidate.author,
			base: options.base,
			parent: candidate.parent?.id ?? null,
			rank: (isOrganization ? recipe.organization : recipe.developer).rank,
			window: recipe.window,
			lineage: describeLineage(candidate.train),
			recipe: { name: recipe.name, ...(isOrganization ? recipe.organization : recipe.developer) },
			metrics: { ...tuned.metrics },
			gate,
		});
	}

	let control: Outcome[] | null = null;
	if (isOrganization && options.control !== null) {
		const foreign = await Array.fromAsync(options.control.select({ until: options.split.trainUntil, newest: candidate.train.length }));
		const trained = await train(foreign, "the foreign control");
		control = await answer([trained.id], "the foreign control");
	}
	return {
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
}

/** Adapters that are served now; null where it is the base alone, or where they belong to another base. */
async function servedStack(registry: Registry, organization: string, author: string | null): Promise<string[] | null> {
	const adapter = await servedAdapter(registry, organization, author);
	if (adapter === null) return null;
	return adapter.parent === null ? [adapter.id] : [adapter.parent, adapter.id];
}

async function servedAdapter(registry: Registry, organization: string, author: string | null): Promise<AdapterManifest | null> {
	const slot = (await registry.snapshot()).index.organizations[organization];
	const id = author === null ? slot?.current : slot?.developers[author]?.current;
	if (id == null) return null;
	try {
		return (await registry.adapter(id)).manifest;
	} catch (error) {
		// A damaged adapter, or one of another base, is not served either.
		if (error instanceof Fault && error.code === "adapter") return null;
		throw error;
	}
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
