import type { AuthorKey } from "./identity.ts";

/** The part of a registry's index that decides who is served by what. */
export interface ServedStacks {
	readonly organizations: Readonly<
		Record<
			string,
			{
				readonly current: string | null;
				readonly remotes: readonly string[];
				readonly developers: Readonly<Record<string, { readonly current: string | null }>>;
			}
		>
	>;
	readonly aliases: Readonly<Record<string, string>>;
}

export interface Identity {
	/** Null when Git names no author or there is no key file to recognize one. */
	readonly author: AuthorKey | null;
	/** Stated by the user; wins over every rule. */
	readonly organization: string | null;
	/** Normalized remote URLs of the workspace. */
	readonly remotes: readonly string[];
}

export interface Candidate {
	readonly kind: "developer" | "organization" | "base";
	readonly organization: string | null;
	/** Null for the base alone. */
	readonly adapter: string | null;
	readonly why: string;
}

/**
 * Best first; the last is always the base, so a candidate whose adapter turns out unusable has a successor.
 * Developer adapter on its organization adapter, else organization, else base.
 */
export function stackCandidates(served: ServedStacks, identity: Identity): Candidate[] {
	const author = identity.author === null ? null : (served.aliases[identity.author] ?? identity.author);
	const found = findOrganization(served, identity, author);
	if (found.organization === null) return [{ kind: "base", organization: null, adapter: null, why: found.why }];
	const organization = found.organization;
	const slot = served.organizations[organization];
	const candidates: Candidate[] = [];
	const own = author === null ? null : (slot?.developers[author]?.current ?? null);
	if (own !== null) candidates.push({ kind: "developer", organization, adapter: own, why: `${found.why}, and its author has a developer adapter` });
	const whyNotOwn = author === null ? "no author is known" : "the author has no developer adapter";
	if (slot?.current != null) candidates.push({ kind: "organization", organization, adapter: slot.current, why: `${found.why}; ${whyNotOwn}` });
	candidates.push({ kind: "base", organization, adapter: null, why: `${found.why}, but nothing is published for it` });
	return candidates;
}

function findOrganization(served: ServedStacks, identity: Identity, author: string | null): { organization: string | null; why: string } {
	if (identity.organization !== null) return { organization: identity.organization, why: `the organization is set to ${identity.organization}` };
	const names = Object.keys(served.organizations).sort();
	for (const name of names) {
		const remote = served.organizations[name]?.remotes.find((known) => identity.remotes.includes(known));
		if (remote !== undefined) return { organization: name, why: `the remote ${remote} belongs to ${name}` };
	}
	const home = author === null ? undefined : names.find((name) => served.organizations[name]?.developers[author] !== undefined);
	if (home !== undefined) return { organization: home, why: `the author is known to ${home}` };
	if (names.length === 0) return { organization: null, why: "the registry holds no organization" };
	return { organization: null, why: `neither a setting, nor a remote, nor the author points to one of the organizations (${names.join(", ")})` };
}
