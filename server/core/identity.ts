/** Who somebody is: Git idents, addresses, author keys, and the names of repositories. */
import { createHmac } from "node:crypto";

export interface Ident {
	readonly name: string;
	readonly email: string;
}

/** Stands for an author wherever a name or an address must not: made only by `authorKey`. */
export type AuthorKey = string & { readonly __brand: "AuthorKey" };

/** Reads `Name <mail>`, with or without the `123 +0000` that `git var` appends; null when it is neither. */
export function parseIdent(text: string): Ident | null {
	const match = /^([^<>\n]*)<([^<>\n]*)>(?:\s+\d+\s+[+-]\d{4})?\s*$/.exec(text);
	if (!match) return null;
	const [, name = "", email = ""] = match;
	return { name: name.trim(), email: email.trim() };
}

export function formatIdent(ident: Ident): string {
	return `${ident.name} <${ident.email}>`;
}

export function canonicalEmail(email: string): string {
	return email.trim().toLowerCase();
}

/** What follows the last `@`, lower-cased; null when there is none. */
export function emailDomain(email: string): string | null {
	const canonical = canonicalEmail(email);
	const domain = canonical.slice(canonical.lastIndexOf("@") + 1);
	return canonical.includes("@") && domain !== "" ? domain : null;
}

/**
 * HMAC-SHA256 of the canonical address under the registry's secret, its first 32 hexadecimal digits.
 * A plain hash would be guessed at once from the addresses that every public commit shows.
 */
export function authorKey(email: string, secret: Uint8Array): AuthorKey {
	return createHmac("sha256", secret).update(canonicalEmail(email)).digest("hex").slice(0, 32) as AuthorKey;
}

/** `host/owner/repository` of a remote's URL, whatever scheme, user, port or `.git` it was written with; null for local paths. */
export function normalizeRemote(url: string): string | null {
	const place = parseUrl(url.trim()) ?? parseScp(url.trim());
	if (!place) return null;
	const path = place.path
		.replace(/^\/+|\/+$/g, "")
		.replace(/\.git$/, "")
		.replace(/\/+$/, "");
	return path === "" ? null : `${place.host.toLowerCase()}/${path}`;
}

function parseUrl(url: string): { host: string; path: string } | null {
	const match = /^(?:https?|ssh|git|git\+ssh|ssh\+git):\/\/(?:[^/@]*@)?(\[[^\]]+\]|[^/:]+)(?::\d*)?(\/.*)$/i.exec(url);
	return match?.[1] && match[2] ? { host: match[1], path: match[2] } : null;
}

/** `user@host:path`, as Git reads it: the colon comes before any slash. A single letter before it is a Windows drive. */
function parseScp(url: string): { host: string; path: string } | null {
	const match = /^(?:[^/:@]+@)?([^/:@]{2,}):(?!\/\/)(.+)$/.exec(url);
	return match?.[1] && match[2] ? { host: match[1], path: match[2] } : null;
}
