/** A home of its own for both programs, with a tiny random base in its registry and a repository that the base can be tuned to. */
import { mkdtemp, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { defaultFolders } from "../../server/folders.ts";
import { digestFile } from "../../server/registry/files.ts";
import { openRegistry, type Registry } from "../../server/registry/registry.ts";
import type { Refreshed } from "../../trainer/refresh/refresh.ts";
import { prepareWorker } from "../../trainer/worker/environment.ts";
import { type Finished, run } from "./commands.ts";
import { type IdiomaticRepository, idiomaticRepository } from "./idiomatic-repository.ts";

export interface TinyWorld extends AsyncDisposable {
	/** Holds all of it; gone at the end. */
	readonly folder: string;
	/** What the programs are started with: the home, a ready Python, no configuration of this machine's Git. */
	readonly environment: NodeJS.ProcessEnv;
	readonly registry: Registry;
	readonly repository: IdiomaticRepository;
	/** A recipe that the tiny base learns the repository's idioms with, in seconds. */
	readonly recipe: string;
	idiolect(...words: string[]): Promise<Finished>;
	trainer(...words: string[]): Promise<Finished>;
	/** Words of a refresh of organization acme on the repository; more words win over them. */
	refreshWords(...words: string[]): string[];
	/** Refreshes and returns what was printed; throws what a failed one says. */
	refresh(...words: string[]): Promise<Refreshed>;
	/** Writes a tiny base of that family and adds it to the registry; returns what was printed. */
	addBase(family: "qwen2" | "llama", ...words: string[]): Promise<unknown>;
	/** Writes a variant of the recipe and returns its path. */
	variant(name: string, changes: object): Promise<string>;
}

const tuning = { alpha: 32, dropout: 0, learningRate: 1e-2, epochs: 2, batch: 8, microBatch: 8, checkpointSeconds: 0 };
const recipe = {
	name: "tiny",
	extends: "demo",
	window: { prefix: 24, suffix: 8 },
	organizationInstances: 1000,
	developerInstances: 64,
	organization: { ...tuning, rank: 16 },
	developer: { ...tuning, rank: 8 },
};

/** Held-out instances of a decision: a base that knows nothing leaves no doubt. */
export const heldOut = 40;

export async function tinyWorld({ commits = 60, base = true }: { readonly commits?: number; readonly base?: boolean } = {}): Promise<TinyWorld> {
	const folder = await realpath(await mkdtemp(path.join(tmpdir(), "idiolect-world-")));
	// One environment for all worlds: this machine's own, where IDIOLECT_PYTHON does not name another.
	const cache = defaultFolders(process.env).cache;
	const onNote = (text: string) => process.stderr.write(`${text}\n`);
	const worker = await prepareWorker({ cache, environment: process.env, onNote, signal: new AbortController().signal });
	const environment = {
		PATH: process.env["PATH"],
		HOME: folder,
		GIT_CONFIG_NOSYSTEM: "1",
		IDIOLECT_HOME: path.join(folder, "home"),
		IDIOLECT_PYTHON: worker.python,
	};
	const recipeFile = path.join(folder, "recipe.json");
	await writeFile(recipeFile, JSON.stringify(recipe));
	const world: TinyWorld = {
		folder,
		environment,
		registry: openRegistry(defaultFolders(environment).registry),
		repository: await idiomaticRepository(path.join(folder, "parts"), commits),
		recipe: recipeFile,
		idiolect: (...words) => run("idiolect", words, environment),
		trainer: (...words) => run("trainer", words, environment),
		refreshWords: (...words) => [
			...["refresh", "--repo", world.repository.folder, "--organization", "acme", "--recipe", recipeFile, "--no-fetch", "--json"],
			...["--held-out", String(heldOut), "--minimum-instances", "50", ...words],
		],
		refresh: async (...words) => printed(await world.trainer(...world.refreshWords(...words))),
		async addBase(family, ...words) {
			const source = path.join(folder, `tiny-${family}`);
			await execa(worker.python, ["-m", "idiolect_worker.tiny", family, source], { env: { PYTHONPATH: worker.source } });
			return printed(await world.trainer("base", "add", source, "--json", ...words));
		},
		async variant(name, changes) {
			const file = path.join(folder, `${name}.json`);
			await writeFile(file, JSON.stringify({ ...recipe, name, ...changes }));
			return file;
		},
		[Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
	};
	if (base) await world.addBase("qwen2");
	return world;
}

/** The one JSON document of a command that succeeded. */
export function printed<T>({ code, stdout, stderr }: Finished): T {
	if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
	return JSON.parse(stdout);
}

/** Every file of the trainer's state and of the registry, with its digest: what a command that fails must not change. */
export async function digests(world: TinyWorld): Promise<Map<string, string>> {
	const { registry, trainer } = defaultFolders(world.environment);
	const files = new Map<string, string>();
	for (const root of [registry, trainer]) {
		for (const entry of await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])) {
			const file = path.join(entry.parentPath, entry.name);
			if (entry.isFile()) files.set(path.relative(world.folder, file), await digestFile(file));
		}
	}
	return files;
}
