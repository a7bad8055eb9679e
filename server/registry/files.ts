import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";

/** File name → size in bytes and SHA-256, as base.json and adapter.json list their folder. */
export type FileList = Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;

/** SHA-256 of a file's content, hexadecimal. */
export async function digestFile(file: string): Promise<string> {
	const hash = createHash("sha256");
	for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
	return hash.digest("hex");
}

/**
 * The first way in which a folder's files are not those listed, in a few words, or null.
 * @param content reads and hashes everything; without it only names and sizes are compared.
 */
export async function findDamage(folder: string, files: FileList, required: readonly string[], content: boolean): Promise<string | null> {
	for (const name of required) if (!Object.hasOwn(files, name)) return `${name} is not listed`;
	for (const [name, expected] of Object.entries(files)) {
		// A list from a shared folder must not lead out of it.
		if (name !== path.basename(name) || name.includes("\\")) return `${name} is not a plain file name`;
		const file = path.join(folder, name);
		const found = await stat(file).catch(() => null);
		if (!found?.isFile()) return `${name} is missing`;
		if (found.size !== expected.bytes) return `${name} has ${found.size} bytes instead of ${expected.bytes}`;
		if (content && (await digestFile(file)) !== expected.sha256) return `${name} has another SHA-256 than was published`;
	}
	return null;
}
