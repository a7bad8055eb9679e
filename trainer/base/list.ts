import { readdir } from "node:fs/promises";
import path from "node:path";
import type { BaseManifest } from "../../server/registry/manifest.ts";
import { openRegistry, type Published } from "../../server/registry/registry.ts";

interface ListedBase extends Published<BaseManifest> {
	/** Whether it is the base that is served. */
	readonly isDefault: boolean;
}

/** The sound bases of a registry, by id. A damaged one is left out: the doctor tells of it. */
export async function listBases(folder: string): Promise<ListedBase[]> {
	const registry = openRegistry(folder);
	const { index } = await registry.snapshot();
	const digests = await readdir(path.join(folder, "bases")).catch(() => []);
	const bases = await Promise.all(digests.map((digest) => registry.base(digest).catch(() => null)));
	return bases
		.filter((base) => base !== null)
		.map((base) => ({ ...base, isDefault: base.manifest.digest === index.base }))
		.sort((a, b) => a.manifest.id.localeCompare(b.manifest.id) || a.manifest.digest.localeCompare(b.manifest.digest));
}
