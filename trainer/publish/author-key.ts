import { randomBytes } from "node:crypto";
import { link, mkdir, open, rm } from "node:fs/promises";
import path from "node:path";
import { Fault } from "../../server/core/fault.ts";
import { readAuthorKey } from "../../server/registry/author-key.ts";
import { stagingPath, syncFolder } from "./durable.ts";

/** Makes the author key file (0600) unless it is there, and returns the key. Two processes at once get the same one. */
export async function createAuthorKey(file: string): Promise<Uint8Array> {
	const present = await readAuthorKey(file);
	if (present !== null) return present;
	const folder = path.dirname(file);
	await mkdir(folder, { recursive: true, mode: 0o700 });
	const temporary = stagingPath(folder);
	try {
		await using handle = await open(temporary, "wx", 0o600);
		await handle.writeFile(`${randomBytes(32).toString("hex")}\n`);
		await handle.sync();
		// Unlike a rename, a link never replaces a key that somebody else made meanwhile.
		await link(temporary, file);
	} catch (error) {
		if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
	} finally {
		await rm(temporary, { force: true });
	}
	await syncFolder(folder);
	const created = await readAuthorKey(file);
	if (created === null) throw new Fault("environment", `the author key file ${file} vanished while it was made: run again`);
	return created;
}
