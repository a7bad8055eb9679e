import path from "node:path";
import envPaths from "env-paths";

/** Where everything lies unless a command says otherwise. */
interface Folders {
	readonly registry: string;
	/** Downloads and the worker's Python environment: safe to delete. */
	readonly cache: string;
	/** Watermarks, datasets and runs of the trainer. */
	readonly trainer: string;
	/** Key file of the author keys, outside the registry because whoever holds it can recognize addresses. */
	readonly authorKey: string;
}

/** IDIOLECT_HOME moves everything under one root, IDIOLECT_REGISTRY and IDIOLECT_CACHE one folder each. */
export function defaultFolders(environment: NodeJS.ProcessEnv): Folders {
	const registry = environment["IDIOLECT_REGISTRY"];
	const home = environment["IDIOLECT_HOME"];
	const cache = environment["IDIOLECT_CACHE"];
	const user = envPaths("idiolect", { suffix: "" });
	const roots = home ? { data: home, cache: path.join(home, "cache"), config: home } : user;
	return {
		registry: path.resolve(registry || path.join(roots.data, "registry")),
		cache: path.resolve(cache || roots.cache),
		trainer: path.resolve(roots.data, "trainer"),
		authorKey: path.resolve(roots.config, "author.key"),
	};
}
