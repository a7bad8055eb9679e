import { createHash } from "node:crypto";
import type { BaseManifest } from "./manifest.ts";

/** SHA-256 of a base's identity as canonical JSON (keys sorted, no spaces): names the base's folder. */
export function identityDigest(identity: BaseManifest["identity"]): string {
	return createHash("sha256").update(canonical(identity)).digest("hex");
}

function canonical(value: unknown): string {
	if (typeof value !== "object" || value === null) return JSON.stringify(value);
	const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
	return `{${entries.map(([key, part]) => `${JSON.stringify(key)}:${canonical(part)}`).join(",")}}`;
}
