import { Fault } from "../../server/core/fault.ts";
import type { AdapterManifest, RegistryIndex, Slot } from "../../server/registry/manifest.ts";
import { openRegistry } from "../../server/registry/registry.ts";
import type { PublishLock } from "./lock.ts";
import { updateIndex } from "./update-index.ts";

type Organization = RegistryIndex["organizations"][string];

const emptySlot: Slot = { current: null, previous: [] };
const emptyOrganization: Organization = { ...emptySlot, remotes: [], developers: {} };

/** What mining learned about whom to serve it to. */
export interface Recognition {
	/** Normalized remote URLs of the organization's repositories. */
	readonly remotes: readonly string[];
	/** Author keys of all who wrote in them: a workspace of theirs is the organization's, with or without an adapter of their own. */
	readonly authors: readonly string[];
	/** Alias key → author key. */
	readonly aliases: Readonly<Record<string, string>>;
}

/** Serves a published adapter from now on; what was served before it can be returned to. */
export async function promote(
	lock: PublishLock,
	expectedRevision: number,
	adapter: Pick<AdapterManifest, "id" | "organization" | "author" | "base">,
	recognition: Recognition,
): Promise<RegistryIndex> {
	return await updateIndex(lock, expectedRevision, (index) => {
		if (adapter.base !== index.base) {
			throw new Fault("adapter", `adapter ${adapter.id} was trained on another base than the registry ${lock.registry} serves: train it again on that one`);
		}
		const organization = index.organizations[adapter.organization] ?? emptyOrganization;
		const remotes = [...new Set([...organization.remotes, ...recognition.remotes])].sort();
		const developers = { ...Object.fromEntries(recognition.authors.map((author) => [author, emptySlot])), ...organization.developers };
		const changed = withSlot({ ...organization, remotes, developers }, adapter.author, (slot) => successor(slot, adapter.id));
		return {
			...index,
			organizations: { ...index.organizations, [adapter.organization]: changed },
			aliases: { ...index.aliases, ...recognition.aliases },
		};
	});
}

/** Returns to what was served before; the adapter left behind is forgotten by the index. */
export async function rollBack(
	lock: PublishLock,
	whose: { readonly organization: string; readonly author?: string },
): Promise<{ from: string; to: string | null; index: RegistryIndex }> {
	const { index, revision } = await openRegistry(lock.registry).snapshot();
	const organization = index.organizations[whose.organization];
	const author = whose.author ?? null;
	const slot = author === null ? organization : organization?.developers[author];
	if (organization === undefined || slot === undefined || slot.current === null) {
		const name = author === null ? `organization ${whose.organization}` : `this developer of ${whose.organization}`;
		throw new Fault("registry", `nothing is served to ${name} from ${lock.registry}, so there is nothing to roll back: check the name and the registry`);
	}
	const [to = null, ...previous] = slot.previous;
	const changed = withSlot(organization, author, () => ({ current: to, previous }));
	const next = await updateIndex(lock, revision, () => ({ ...index, organizations: { ...index.organizations, [whose.organization]: changed } }));
	return { from: slot.current, to, index: next };
}

function withSlot(organization: Organization, author: string | null, change: (slot: Slot) => Slot): Organization {
	if (author === null) return { ...organization, ...change({ current: organization.current, previous: organization.previous }) };
	return { ...organization, developers: { ...organization.developers, [author]: change(organization.developers[author] ?? emptySlot) } };
}

function successor(slot: Slot, id: string): Slot {
	const older = slot.current === null ? slot.previous : [slot.current, ...slot.previous];
	return { current: id, previous: older.filter((previous) => previous !== id) };
}
