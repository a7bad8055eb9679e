import path from "node:path";
import { Fault } from "../../server/core/fault.ts";
import { normalizeRemote } from "../../server/core/identity.ts";
import { cliGit } from "../../server/git/cli.ts";
import { git } from "../../server/git/command.ts";
import type { Dataset } from "../dataset/dataset.ts";
import { type MiningSummary, mine } from "../mine/mine.ts";
import type { ProgressDisplay } from "../progress.ts";
import type { StateFolder } from "./state.ts";

export interface Repository {
	readonly folder: string;
	/** What has landed: the remote's default branch after a fetch, else HEAD. */
	readonly ref: string;
	/** `host/owner/repository` of its first remote, or the folder's name. */
	readonly name: string;
	/** Normalized URLs of all its remotes. */
	readonly remotes: readonly string[];
}

export interface MinedRepository extends MiningSummary {
	readonly repository: string;
	/** Commits that a rewritten history lost, whose instances were dropped. */
	readonly vanished: number | "all";
	readonly seconds: number;
}

/** Checks that every folder is a repository, and fetches from its remote where it has one. */
export async function openRepositories(folders: readonly string[], fetch: boolean, signal: AbortSignal): Promise<Repository[]> {
	const repositories: Repository[] = [];
	for (const folder of folders) {
		const found = await git(["rev-parse", "--git-dir"], folder, signal);
		if (found.exitCode !== 0) throw new Fault("repository", `${folder} is not a Git repository: name the folder of a clone`);
		const urls = await cliGit.remotes(folder, signal);
		const remotes = urls.map(normalizeRemote).filter((remote) => remote !== null);
		const ref = fetch && urls.length > 0 ? await update(folder, signal) : "HEAD";
		const name = remotes[0] ?? path.basename(path.resolve(folder));
		const other = repositories.find((known) => known.name === name);
		if (other !== undefined)
			throw new Fault("usage", `${other.folder} and ${folder} are both called ${name}: name one of them, or give each a remote of its own`);
		repositories.push({ folder, ref, name, remotes });
	}
	return repositories;
}

/**
 * Fetches, and returns what the remote calls its default branch. A mirror's own HEAD is moved by the fetch; a bare clone keeps no branches of its
 * remote, so what was fetched is known for this once only.
 */
async function update(folder: string, signal: AbortSignal): Promise<string> {
	const { exitCode, stderr } = await git(["fetch", "--quiet"], folder, signal);
	if (exitCode !== 0) {
		throw new Fault(
			"repository",
			`${folder} could not be fetched (${stderr.trim().split("\n").at(-1)}): check its remote, or pass --no-fetch to use what is there`,
		);
	}
	for (const ref of ["refs/remotes/origin/HEAD", "@{upstream}"]) {
		const known = await git(["rev-parse", "--verify", "--quiet", `${ref}^{commit}`], folder, signal);
		if (known.exitCode === 0) return ref;
	}
	const keepsBranches = await git(["config", "--get-regexp", "^remote\\..*\\.fetch$"], folder, signal);
	return keepsBranches.exitCode === 0 ? "HEAD" : "FETCH_HEAD";
}

/** Mines what landed after the watermark into the dataset, and only then moves the watermark. */
export async function mineInto(
	dataset: Dataset,
	repository: Repository,
	state: StateFolder,
	options: { readonly organization: string; readonly secret: Uint8Array; readonly display: ProgressDisplay; readonly signal: AbortSignal },
): Promise<MinedRepository> {
	const started = performance.now();
	const before = await state.read();
	const mining = await mine({
		folder: repository.folder,
		ref: repository.ref,
		repository: repository.name,
		organization: options.organization,
		secret: options.secret,
		watermark: before.watermarks[repository.name] ?? null,
		signal: options.signal,
	});
	const onProgress = options.display.begin(`mining ${repository.name}`);
	if (mining.vanished === "all" || mining.vanished.length > 0) await dataset.dropCommits(repository.name, mining.vanished);
	await dataset.append(counted(mining.instances, (done) => onProgress({ done, total: 0 })));
	await state.write({
		...before,
		watermarks: { ...before.watermarks, [repository.name]: mining.head },
		people: { ...before.people, ...Object.fromEntries(mining.people) },
		aliases: { ...before.aliases, ...Object.fromEntries(mining.aliases) },
	});
	return {
		repository: repository.name,
		...mining.summary,
		vanished: mining.vanished === "all" ? "all" : mining.vanished.length,
		seconds: (performance.now() - started) / 1000,
	};
}

async function* counted<T>(items: AsyncIterable<T>, tell: (done: number) => void): AsyncGenerator<T> {
	let done = 0;
	for await (const item of items) {
		tell(++done);
		yield item;
	}
}
