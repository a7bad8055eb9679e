/** One round: an organization candidate, then developer candidates on top of what is served after it. */
import path from "node:path";
import { loadBaseModel } from "../../server/assistant/base-model.ts";
import { Fault } from "../../server/core/fault.ts";
import type { Dataset } from "../dataset/dataset.ts";
import { type Candidate, type Court, judge, type Verdict } from "./judge.ts";
import { servedAdapter, servedStack } from "./served.ts";
import type { Split } from "./split.ts";

export interface RoundOptions extends Omit<Court, "model" | "place"> {
	readonly split: Split;
	/** Held-out instances that judge a candidate, at most. */
	readonly heldOut: number;
	/** A developer with fewer instances gets no adapter. */
	readonly minimumInstances: number;
	readonly dataset: Dataset;
	/** Foreign instances: as many of them are learned from as a control that tells format from personalization; null for none. */
	readonly control: Dataset | null;
	/** Author key → name, for this machine's own output. */
	readonly people: Readonly<Record<string, string>>;
	readonly threads: number;
}

/** Fewer held-out instances than this can show nothing about a developer, so nothing is spent on training. */
const fewestHeldOut = 20;

export async function runRound(options: RoundOptions): Promise<Verdict[]> {
	const { registry, organization, recipe, heldOut, minimumInstances, dataset, control, people } = options;
	const { trainUntil, testUntil } = options.split;
	const folders = new Map<string, string>();
	await using model = await loadBaseModel(registry, options.base, options.threads, (id) => folders.get(id) ?? path.join(registry.folder, "adapters", id));
	const court: Court = { ...options, model, place: (adapter, folder) => folders.set(adapter, folder) };

	const train = await Array.fromAsync(dataset.select({ until: trainUntil, newest: recipe.organizationInstances }));
	if (train.length === 0) throw new Fault("data", `${organization} has no instance to learn from before ${trainUntil}: mine more history`);
	const candidate: Candidate = {
		kind: "organization",
		author: null,
		name: organization,
		parent: null,
		train,
		heldOut: await Array.fromAsync(dataset.select({ after: trainUntil, until: testUntil, sample: heldOut })),
		served: await servedStack(registry, organization, null),
		control: control && (await Array.fromAsync(control.select({ until: trainUntil, newest: train.length }))),
	};
	const verdicts = [await judge(candidate, court)];

	const parent = await servedAdapter(registry, organization, null);
	for (const { author, instances } of parent === null ? [] : await dataset.authors({ until: trainUntil })) {
		if (instances < minimumInstances) continue;
		const test = await Array.fromAsync(dataset.select({ author, after: trainUntil, until: testUntil, sample: heldOut }));
		if (test.length < fewestHeldOut) continue;
		const developer: Candidate = {
			kind: "developer",
			author,
			name: people[author] ?? author,
			parent,
			train: await Array.fromAsync(dataset.select({ author, until: trainUntil, newest: recipe.developerInstances })),
			heldOut: test,
			served: await servedStack(registry, organization, author),
			control: null,
		};
		verdicts.push(await judge(developer, court));
	}
	return verdicts;
}
