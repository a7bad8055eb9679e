import { stat } from "node:fs/promises";
import path from "node:path";
import type { AdapterManifest } from "../../server/registry/manifest.ts";
import type { Registry } from "../../server/registry/registry.ts";
import { withPublishLock } from "../publish/lock.ts";
import { promote, type Recognition } from "../publish/promote.ts";
import { listFiles, publishAdapter } from "../publish/publish.ts";

/** Publishes an adapter and serves it. An adapter whose publication was cut short after its folder stood is only promoted. */
export async function publishPromoted(
	registry: Registry,
	staged: string,
	recognition: Recognition,
	manifest: Omit<AdapterManifest, "files" | "created">,
): Promise<void> {
	await withPublishLock(registry.folder, async (lock) => {
		const { revision } = await registry.snapshot();
		const published = await stat(path.join(registry.folder, "adapters", manifest.id)).catch(() => null);
		if (published === null) await publishAdapter(lock, staged, { ...manifest, files: await listFiles(staged), created: new Date().toISOString() });
		await promote(lock, revision, manifest, recognition);
	});
}
