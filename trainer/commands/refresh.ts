import { Cron } from "croner";
import { Fault } from "../../server/core/fault.ts";
import { findRecipe } from "../recipes/recipes.ts";
import { describeRefresh } from "../refresh/describe.ts";
import { type Refreshed, refresh } from "../refresh/refresh.ts";
import { type CommonOptions, openContext, printJson } from "./context.ts";

export interface RefreshCommandOptions extends CommonOptions {
	readonly repo: readonly string[];
	readonly controlRepo?: readonly string[];
	readonly organization: string;
	readonly recipe: string;
	readonly heldOut: string;
	readonly minimumInstances: string;
	/** False with --no-fetch. */
	readonly fetch: boolean;
}

export async function refreshOnce(options: RefreshCommandOptions): Promise<void> {
	const run = await prepare(options);
	print(await run(), options);
}

/** The same refresh, repeatedly; one that fails is reported and the next one tries again. */
export async function watch(options: RefreshCommandOptions & { readonly every: string }): Promise<void> {
	const run = await prepare(options);
	const schedule = parseSchedule(options.every);
	const { signal } = run;
	process.stderr.write(`next refresh at ${schedule.nextRun()?.toISOString() ?? "no time: the expression never comes true"}\n`);
	const job = async (): Promise<void> => {
		try {
			print(await run(), options);
		} catch (error) {
			if (!(error instanceof Fault)) throw error;
			process.stderr.write(`${error.message}\n`);
		}
	};
	await new Promise<void>((resolve, reject) => {
		schedule.schedule(async () => {
			await job().catch(reject);
			if (!signal.aborted) process.stderr.write(`next refresh at ${schedule.nextRun()?.toISOString()}\n`);
		});
		signal.addEventListener("abort", () => resolve(), { once: true });
	}).finally(() => schedule.stop());
}

function print(refreshed: Refreshed, { json }: CommonOptions): void {
	if (json) printJson(refreshed);
	else process.stdout.write(describeRefresh(refreshed));
}

function parseSchedule(expression: string): Cron {
	try {
		// A refresh that takes longer than the interval is not overtaken by the next.
		return new Cron(expression, { protect: true });
	} catch (cause) {
		throw new Fault(
			"usage",
			`"${expression}" is no cron expression (${cause instanceof Error ? cause.message : cause}): write five fields, such as "0 3 * * *" for every night at three`,
			{ cause },
		);
	}
}

async function prepare(options: RefreshCommandOptions): Promise<(() => Promise<Refreshed>) & { signal: AbortSignal }> {
	const recipe = await findRecipe(options.recipe);
	const heldOut = positive("held-out", options.heldOut);
	const minimumInstances = positive("minimum-instances", options.minimumInstances);
	const context = openContext(options);
	const run = async (): Promise<Refreshed> => {
		try {
			return await refresh({
				...context,
				repositories: options.repo,
				controlRepositories: options.controlRepo ?? [],
				organization: options.organization,
				recipe,
				heldOut,
				minimumInstances,
				fetch: options.fetch,
				trainerFolder: context.folders.trainer,
				secret: await context.secret(),
			});
		} finally {
			context.display[Symbol.dispose]();
		}
	};
	return Object.assign(run, { signal: context.signal });
}

function positive(name: string, text: string): number {
	if (!/^[1-9]\d*$/.test(text)) throw new Fault("usage", `--${name} is ${text}: give a whole number from 1`);
	return Number(text);
}
