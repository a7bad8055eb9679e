/** Writing so that a power cut leaves the old state or the new one. */
import { randomBytes } from "node:crypto";
import { open, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";

const stagingPrefix = ".staging-";

/** Name for something unfinished in a registry: what a crash leaves under such a name is swept by the next publication. */
export function stagingPath(folder: string): string {
	return path.join(folder, `${stagingPrefix}${randomBytes(6).toString("hex")}`);
}

/** Removes what crashed publications left. Only under the lock. */
export async function sweepStaging(folder: string): Promise<void> {
	for (const name of await readdir(folder)) {
		if (name.startsWith(stagingPrefix)) await rm(path.join(folder, name), { recursive: true, force: true });
	}
}

/** Replaces a file as a whole. Not write-file-atomic: it takes a short write on a full disk for success. */
export async function replaceFile(file: string, content: string): Promise<void> {
	const staged = stagingPath(path.dirname(file));
	try {
		await using handle = await open(staged, "wx");
		await handle.writeFile(content);
		await handle.sync();
		await rename(staged, file);
	} catch (error) {
		await rm(staged, { force: true });
		throw error;
	}
	await syncFolder(path.dirname(file));
}

/** Syncs the files of a flat folder, then the folder itself. */
export async function syncTree(folder: string): Promise<void> {
	for (const name of await readdir(folder)) {
		await using handle = await open(path.join(folder, name), "r+");
		await handle.sync();
	}
	await syncFolder(folder);
}

/** Makes renames and new names in a folder durable; Windows has no such call. */
export async function syncFolder(folder: string): Promise<void> {
	if (process.platform === "win32") return;
	await using handle = await open(folder);
	await handle.sync();
}
