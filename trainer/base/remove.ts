import { readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { Fault } from "../../server/core/fault.ts";
import { AdapterManifest, BaseManifest, type RegistryIndex } from "../../server/registry/manifest.ts";
import { parseJson } from "../../server/registry/parse-json.ts";
import { openRegistry } from "../../server/registry/registry.ts";
import { stagingPath } from "../publish/durable.ts";
import { type PublishLock, withPublishLock } from "../publish/lock.ts";
import { updateIndex } from "../publish/update-index.ts";

/**
 * Takes a base out of the registry, damaged or not, unless an adapter in the index was trained on it. Returns its digest.
 * @param name id of the base, or the beginning of its digest where several have that id.
 */
export async function removeBase(registry: string, name: string): Promise<string> {
	return await withPublishLock(registry, async (lock) => {
		const digest = await findBase(registry, name);
		const { index, revision } = await openRegistry(registry).snapshot();
		const dependents = await adaptersOn(registry, digest, index);
		if (dependents.length > 0) {
			const named = dependents.slice(0, 3).join(", ") + (dependents.length > 3 ? ` and ${dependents.length - 3} more` : "");
			throw new Fault("base", `the base ${name} cannot be removed because ${named} were trained on it: roll them back first`);
		}
		if (index.base === digest) await updateIndex(lock, revision, () => ({ ...index, base: null }));
		await removeFolder(lock, path.join(registry, "bases", digest));
		return digest;
	});
}

async function findBase(registry: string, name: string): Promise<string> {
	const digests = await readdir(path.join(registry, "bases")).catch(() => []);
	const ids = await Promise.all(digests.map((digest) => idOf(path.join(registry, "bases", digest))));
	const found = digests.filter((digest, position) => ids[position] === name || (name.length >= 6 && digest.startsWith(name)));
	const [only] = found;
	if (only === undefined) throw new Fault("usage", `there is no base ${name} in ${registry}: see \`idiolect-trainer base list\``);
	if (found.length > 1)
		throw new Fault("usage", `${name} names ${found.length} bases: name one by its digest (${found.map((digest) => digest.slice(0, 12)).join(", ")})`);
	return only;
}

async function idOf(folder: string): Promise<string | null> {
	const parsed = parseJson(await readFile(path.join(folder, "base.json"), "utf8").catch(() => ""), BaseManifest);
	return "value" in parsed ? parsed.value.id : null;
}

async function adaptersOn(registry: string, base: string, index: RegistryIndex): Promise<string[]> {
	const slots = Object.values(index.organizations).flatMap((organization) => [organization, ...Object.values(organization.developers)]);
	const ids = new Set(slots.flatMap(({ current, previous }) => (current === null ? previous : [current, ...previous])));
	const dependents: string[] = [];
	for (const id of ids) {
		const text = await readFile(path.join(registry, "adapters", id, "adapter.json"), "utf8").catch(() => "");
		const parsed = parseJson(text, AdapterManifest);
		if ("value" in parsed && parsed.value.base === base) dependents.push(id);
	}
	return dependents;
}

/** Renamed first, so that a reader never finds half of it. */
async function removeFolder(lock: PublishLock, folder: string): Promise<void> {
	const leaving = stagingPath(lock.registry);
	await rename(folder, leaving);
	await rm(leaving, { recursive: true });
}
