import path from "node:path";
import { Fault } from "../../server/core/fault.ts";
import { RegistryIndex } from "../../server/registry/manifest.ts";
import { openRegistry } from "../../server/registry/registry.ts";
import { replaceFile } from "./durable.ts";
import type { PublishLock } from "./lock.ts";

/**
 * Replaces the index by what `change` makes of it, as the next revision.
 * @param expectedRevision what the decision to publish was based on; a Fault when the registry has moved on since.
 */
export async function updateIndex(lock: PublishLock, expectedRevision: number, change: (index: RegistryIndex) => RegistryIndex): Promise<RegistryIndex> {
	const { index, revision } = await openRegistry(lock.registry).snapshot();
	if (revision !== expectedRevision) {
		throw new Fault(
			"registry",
			`the registry ${lock.registry} is at revision ${revision} instead of ${expectedRevision}: somebody else published meanwhile; run again`,
		);
	}
	const next = RegistryIndex.parse({ ...change(index), revision: revision + 1 });
	lock.assertHeld();
	await replaceFile(path.join(lock.registry, "index.json"), `${JSON.stringify(next, null, "\t")}\n`);
	return next;
}
