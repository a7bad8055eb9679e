import { Fault } from "../../server/core/fault.ts";
import type { AdapterManifest } from "../../server/registry/manifest.ts";
import type { Registry } from "../../server/registry/registry.ts";

/** Adapters that are served now; null where it is the base alone, or where they belong to another base. */
export async function servedStack(registry: Registry, organization: string, author: string | null): Promise<string[] | null> {
	const adapter = await servedAdapter(registry, organization, author);
	if (adapter === null) return null;
	return adapter.parent === null ? [adapter.id] : [adapter.parent, adapter.id];
}

export async function servedAdapter(registry: Registry, organization: string, author: string | null): Promise<AdapterManifest | null> {
	const slot = (await registry.snapshot()).index.organizations[organization];
	const id = author === null ? slot?.current : slot?.developers[author]?.current;
	if (id == null) return null;
	try {
		return (await registry.adapter(id)).manifest;
	} catch (error) {
		// A damaged adapter, or one of another base, is not served either.
		if (error instanceof Fault && error.code === "adapter") return null;
		throw error;
	}
}
