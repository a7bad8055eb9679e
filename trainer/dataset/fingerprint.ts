import { createHash } from "node:crypto";
import type { Instance } from "./instance.ts";

const before = 240;
const after = 100;

/**
 * The same for instances that differ in nothing but white space and where their hole starts:
 * the text that leads up to the hole's end and the text that follows it, without white space.
 */
export function fingerprint({ prefix, target, suffix }: Pick<Instance, "prefix" | "target" | "suffix">): string {
	// Four times as many characters as are kept, so that ordinary indentation leaves enough of them.
	const lead = dense(`${prefix.slice(-4 * before)}${target}`).slice(-before);
	const rest = dense(suffix.slice(0, 4 * after)).slice(0, after);
	return createHash("sha256").update(`${lead}\0${rest}`).digest("hex").slice(0, 32);
}

function dense(text: string): string {
	return text.replace(/\s+/g, "");
}
