import path from "node:path";
import { openDataset } from "../dataset/dataset.ts";
import { mineInto, openRepositories } from "../refresh/repositories.ts";
import { withState } from "../refresh/state.ts";
import { type CommonOptions, openContext, printJson } from "./context.ts";

export interface MineCommandOptions extends CommonOptions {
	readonly repo: readonly string[];
	readonly out: string;
	readonly organization: string;
}

/** Mines into a folder of its own: instances/*.parquet and the watermarks, so that the next run reads new commits only. */
export async function mineOnce({ repo, out, organization, ...common }: MineCommandOptions): Promise<void> {
	const context = openContext(common);
	using _display = context.display;
	const repositories = await openRepositories(repo, false, context.signal);
	const secret = await context.secret();
	const folder = path.resolve(out);
	await withState(folder, organization, async (state) => {
		using dataset = await openDataset(path.join(folder, "instances"));
		const mined = [];
		for (const repository of repositories) mined.push(await mineInto(dataset, repository, state, { ...context, organization, secret }));
		const instances = await dataset.count();
		context.display[Symbol.dispose]();
		if (common.json) printJson({ mined, instances });
		else {
			for (const { repository, commits, instances: fresh, seconds, dropped } of mined) {
				process.stdout.write(`${repository}: ${fresh} instances from ${commits} commits in ${seconds.toFixed(1)} s; left out: ${leftOut(dropped)}\n`);
			}
			process.stdout.write(`${folder}: ${instances} instances\n`);
		}
	});
}

function leftOut(dropped: Readonly<Record<string, Readonly<Record<string, number>>>>): string {
	const counts = Object.entries(dropped).flatMap(([what, reasons]) =>
		Object.entries(reasons).map(([reason, count]) => ({ text: `${count} ${what} (${reason})`, count })),
	);
	const seen = counts.filter(({ count }) => count > 0).map(({ text }) => text);
	return seen.length === 0 ? "nothing" : seen.join(", ");
}
