import type { Typist } from "../core/assistant.ts";
import { authorKey, normalizeRemote, parseIdent } from "../core/identity.ts";
import type { Identity } from "../core/stack.ts";
import type { Git } from "../git/git.ts";

export interface Identified {
	readonly identity: Identity;
	/** `Name <address>` after the mailmap, and where it came from: for the user's own eyes, never for the registry. */
	readonly author: { readonly ident: string; readonly from: "setting" | "git" } | null;
}

/** Who types in a folder: the stated author or Git's, as the mailmap writes them, as a key; and the workspace's remotes. */
export async function identify(typist: Typist, git: Git, secret: Uint8Array | null): Promise<Identified> {
	const stated = typist.author !== undefined && parseIdent(typist.author) !== null ? typist.author : null;
	const [fromGit, remotes] = await Promise.all([stated === null ? git.authorIdent(typist.folder) : null, git.remotes(typist.folder)]);
	const raw = stated ?? fromGit;
	const ident = raw === null ? null : ((await git.checkMailmap(typist.folder, raw)) ?? raw);
	const email = ident === null ? "" : (parseIdent(ident)?.email ?? "");
	return {
		identity: {
			author: secret === null || email === "" ? null : authorKey(email, secret),
			organization: typist.organization ?? null,
			remotes: remotes.map(normalizeRemote).filter((remote) => remote !== null),
		},
		author: ident === null ? null : { ident, from: stated === null ? "git" : "setting" },
	};
}
