/** From newly landed commits to a better served model, or to the decision that there is none: incremental, resumable, one at a time. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { Fault } from "../../server/core/fault.ts";
import type { Registry } from "../../server/registry/registry.ts";
import { type Dataset, openDataset } from "../dataset/dataset.ts";
import type { ProgressDisplay } from "../progress.ts";
import type { TuningRecipe } from "../recipes/recipes.ts";
import type { Worker } from "../worker/client.ts";
import type { Verdict } from "./judge.ts";
import { type MinedRepository, mineInto, openRepositories } from "./repositories.ts";
import { runRound } from "./round.ts";
import { planRound } from "./split.ts";
import { type StateFolder, withState } from "./state.ts";

export interface RefreshOptions {
	readonly repositories: readonly string[];
	/** Clones of somebody else's repositories, for the foreign control; usually none. */
	readonly controlRepositories: readonly string[];
	readonly organization: string;
	readonly recipe: TuningRecipe;
	readonly heldOut: number;
	readonly minimumInstances: number;
	readonly fetch: boolean;
	readonly registry: Registry;
	/** The trainer's private folder; each organization has its own below it. */
	readonly trainerFolder: string;
	/** Key of the author keys. */
	readonly secret: Uint8Array;
	readonly threads: number;
	/** Starts the worker; called only when there is something to train. */
	readonly openWorker: () => Promise<Worker>;
	readonly display: ProgressDisplay;
	readonly signal: AbortSignal;
}

export interface Refreshed {
	readonly organization: string;
	readonly mined: readonly MinedRepository[];
	/** Instances in the dataset. */
	readonly instances: number;
	readonly outcome: "trained" | "collecting" | "nothing";
	/** One sentence. */
	readonly summary: string;
	readonly verdicts: readonly Verdict[];
	readonly seconds: number;
}

export async function refresh(options: RefreshOptions): Promise<Refreshed> {
	const { organization, trainerFolder } = options;
	const started = performance.now();
	const base = (await options.registry.snapshot()).index.base;
	if (base === null) {
		throw new Fault("base", `the registry ${options.registry.folder} holds no base to train on: add one with \`idiolect-trainer base add qwen2.5-coder-0.5b\``);
	}
	const repositories = await openRepositories(options.repositories, options.fetch, options.signal);
	const folder = path.join(trainerFolder, encodeURIComponent(organization));
	return withState(folder, organization, async (state) => {
		using dataset = await openDataset(path.join(folder, "instances"));
		const mined: MinedRepository[] = [];
		for (const repository of repositories) mined.push(await mineInto(dataset, repository, state, options));
		using control = await openControl(path.join(folder, "control"), options);
		const recognized = repositories.flatMap(({ remotes }) => remotes);
		const round = await advance({ dataset, control, state, base, remotes: recognized, options });
		return { organization, mined, instances: await dataset.count(), ...round, seconds: (performance.now() - started) / 1000 };
	});
}

/** The foreign instances, mined apart from the organization's own. */
async function openControl(folder: string, options: RefreshOptions): Promise<Dataset | null> {
	if (options.controlRepositories.length === 0) return null;
	const repositories = await openRepositories(options.controlRepositories, options.fetch, options.signal);
	return withState(folder, "the foreign control", async (state) => {
		const dataset = await openDataset(path.join(folder, "instances"));
		for (const repository of repositories) await mineInto(dataset, repository, state, options);
		return dataset;
	});
}

interface Advance {
	readonly dataset: Dataset;
	readonly control: Dataset | null;
	readonly state: StateFolder;
	readonly base: string;
	readonly remotes: readonly string[];
	readonly options: RefreshOptions;
}

async function advance({ dataset, control, state, base, remotes, options }: Advance): Promise<Pick<Refreshed, "outcome" | "summary" | "verdicts">> {
	const before = await state.read();
	const current = before.current?.base === base ? before.current : await begin(dataset, state, base, options);
	if ("outcome" in current) return { ...current, verdicts: [] };

	await using worker = await options.openWorker();
	const { people, aliases } = before;
	const verdicts = await runRound({
		...options,
		base,
		split: current,
		dataset,
		control,
		folder: state.folder,
		recognition: { remotes, aliases, authors: Object.keys(people) },
		people,
		worker,
	});
	const after = await state.read();
	await record(state.folder, after.rounds + 1, { split: current, verdicts });
	await state.write({ ...after, rounds: after.rounds + 1, last: current, current: null });
	// What was promoted is in the registry, and the numbers of the rest are recorded.
	await rm(path.join(state.folder, "runs"), { recursive: true, force: true });
	const promoted = verdicts.filter(({ gate }) => gate.decision === "promote").length;
	return { outcome: "trained", summary: `${promoted} of ${verdicts.length} candidates promoted`, verdicts };
}

/** Plans a round and remembers it, so that an interrupted one goes on with the same split whatever lands meanwhile. */
async function begin(dataset: Dataset, state: StateFolder, base: string, { heldOut }: RefreshOptions) {
	const before = await state.read();
	const { last } = before;
	// What was trained for another base is void: the same split is trained and judged again.
	if (last !== null && last.base !== base) {
		const again = { ...last, base };
		await state.write({ ...before, current: again });
		return again;
	}
	const plan = planRound(
		(await dataset.timeline()).map(({ commitDate }) => commitDate),
		last?.testUntil ?? null,
		heldOut,
	);
	if (plan.kind === "nothing") return { outcome: "nothing" as const, summary: `${plan.why}: nothing to do` };
	if (plan.kind === "collecting") {
		return {
			outcome: "collecting" as const,
			summary: `${plan.landed} instances landed since the last training, ${plan.needed} are needed to judge a new model: still collecting`,
		};
	}
	const current = { ...plan.split, base };
	await state.write({ ...before, current });
	return current;
}

/** Every decision with its numbers, promoted or refused. */
async function record(folder: string, round: number, content: object): Promise<void> {
	await mkdir(path.join(folder, "rounds"), { recursive: true });
	await writeFile(
		path.join(folder, "rounds", `${round}.json`),
		`${JSON.stringify({ format: 1, round, finished: new Date().toISOString(), ...content }, null, "\t")}\n`,
	);
}
