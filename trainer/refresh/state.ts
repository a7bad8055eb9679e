import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import lockfile from "proper-lockfile";
import { z } from "zod";
import { Fault } from "../../server/core/fault.ts";
import { replaceFile } from "../publish/durable.ts";

const Split = z.object({ trainUntil: z.string(), testUntil: z.string() });

/** What the trainer remembers of an organization between runs. Private: it holds names, which a registry must not. */
const State = z.object({
	format: z.literal(1),
	/** Last mined commit of each repository. */
	watermarks: z.record(z.string(), z.string()),
	/** Author key → `Name <address>`, for this machine's own output. */
	people: z.record(z.string(), z.string()),
	/** Key of another address of the same person → author key. */
	aliases: z.record(z.string(), z.string()),
	/** Finished rounds. */
	rounds: z.number().int(),
	/** The last finished round, with the base it was made for. */
	last: Split.extend({ base: z.string() }).nullable(),
	/** A round that was begun and not finished: the next run goes on with it. */
	current: Split.extend({ base: z.string() }).nullable(),
});
type State = z.infer<typeof State>;

const fresh: State = { format: 1, watermarks: {}, people: {}, aliases: {}, rounds: 0, last: null, current: null };

export interface StateFolder {
	readonly folder: string;
	read(): Promise<State>;
	write(state: State): Promise<void>;
}

// A holder that was killed is succeeded after `stale` milliseconds; who still finds the lock held after `patience` faces a live one.
const stale = 5_000;
const patience = { retries: 28, factor: 1, minTimeout: 250, maxTimeout: 250 };

/** Opens an organization's state for one writer at a time: two refreshes of the same organization exclude each other. */
export async function withState<T>(folder: string, organization: string, work: (state: StateFolder) => Promise<T>): Promise<T> {
	await mkdir(folder, { recursive: true });
	const file = path.join(folder, "state.json");
	const lock = { lockfilePath: path.join(folder, ".lock"), stale, update: 1_000, retries: patience, onCompromised: () => undefined };
	const release = await lockfile.lock(folder, lock).catch((cause: unknown) => {
		throw new Fault("environment", `another refresh of ${organization} is running: wait for it to end and run again`, { cause });
	});
	try {
		return await work({
			folder,
			async read() {
				const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
					if (error.code === "ENOENT") return null;
					throw error;
				});
				if (text === null) return fresh;
				try {
					return State.parse(JSON.parse(text));
				} catch (cause) {
					throw new Fault("data", `the trainer's state ${file} cannot be read: restore it, or delete its folder to mine and train anew`, { cause });
				}
			},
			write: (state) => replaceFile(file, `${JSON.stringify(state, null, "\t")}\n`),
		});
	} finally {
		await release().catch(() => undefined);
	}
}
