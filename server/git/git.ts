/**
 * What is asked of Git about a folder. Drivers: cli (the `git` program), isomorphic (no program, repository-local knowledge only).
 * A driver says null for what it cannot know; it never guesses.
 */
export interface Git {
	/** `Name <mail>` that a commit made in the folder now would carry; null when no identity is configured. */
	authorIdent(folder: string, signal?: AbortSignal): Promise<string | null>;
	/** The same person as the repository's mailmap writes them: the ident itself where the mailmap is silent. Null without a repository. */
	checkMailmap(folder: string, ident: string, signal?: AbortSignal): Promise<string | null>;
	/** URLs of the remotes, `origin` first, then by name. */
	remotes(folder: string, signal?: AbortSignal): Promise<string[]>;
	/** Root of the work tree that the folder lies in, links resolved; null when it lies in none. */
	topLevel(folder: string, signal?: AbortSignal): Promise<string | null>;
}

/** Order of `remotes`. */
export function originFirst(left: { readonly name: string }, right: { readonly name: string }): number {
	if (left.name === right.name) return 0;
	if (left.name === "origin") return -1;
	if (right.name === "origin") return 1;
	return left.name < right.name ? -1 : 1;
}
