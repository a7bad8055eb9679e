import { constants } from "node:fs";
import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { Fault } from "../../server/core/fault.ts";
import { digestFile, type FileList, findDamage } from "../../server/registry/files.ts";
import { AdapterManifest, BaseManifest } from "../../server/registry/manifest.ts";
import { stagingPath, syncFolder, syncTree } from "./durable.ts";
import type { PublishLock } from "./lock.ts";

/** Sizes and digests of all files in a flat folder, as a manifest lists them. */
export async function listFiles(folder: string): Promise<FileList> {
	const files: Record<string, { bytes: number; sha256: string }> = {};
	for (const name of (await readdir(folder)).sort()) {
		const file = path.join(folder, name);
		files[name] = { bytes: (await stat(file)).size, sha256: await digestFile(file) };
	}
	return files;
}

/** Moves the listed files of `staged` into the registry: a base is large. Returns the base's folder; one that is there already stays. */
export async function publishBase(lock: PublishLock, staged: string, manifest: BaseManifest): Promise<string> {
	const content = toText(BaseManifest.parse(manifest));
	const folder = path.join(lock.registry, "bases", manifest.digest);
	if (!(await exists(folder))) await publish(lock, { staged, folder, files: manifest.files, transfer: move, manifest: ["base.json", content], hash: false });
	return folder;
}

/** Copies the listed files of `staged` into the registry: the run that made them stays whole. Returns the adapter's folder. */
export async function publishAdapter(lock: PublishLock, staged: string, manifest: AdapterManifest): Promise<string> {
	const content = toText(AdapterManifest.parse(manifest));
	const folder = path.join(lock.registry, "adapters", manifest.id);
	if (await exists(folder)) throw new Fault("registry", `adapter ${manifest.id} is published already in ${lock.registry}: give the new one another id`);
	await publish(lock, { staged, folder, files: manifest.files, transfer: copy, manifest: ["adapter.json", content], hash: true });
	return folder;
}

interface Publication {
	readonly staged: string;
	readonly folder: string;
	readonly files: FileList;
	readonly transfer: (from: string, to: string) => Promise<void>;
	/** Name and text. */
	readonly manifest: readonly [string, string];
	/** Compare digests too, not sizes alone. */
	readonly hash: boolean;
}

async function publish(lock: PublishLock, { staged, folder, files, transfer, manifest, hash }: Publication): Promise<void> {
	const temporary = stagingPath(lock.registry);
	try {
		await mkdir(temporary);
		for (const name of Object.keys(files)) await transfer(path.join(staged, name), path.join(temporary, name));
		const damage = await findDamage(temporary, files, [], hash);
		if (damage !== null) throw new Fault("registry", `${path.basename(folder)} was not published because ${damage}: make it again`);
		await writeFile(path.join(temporary, manifest[0]), manifest[1]);
		await syncTree(temporary);
		const parent = path.dirname(folder);
		await mkdir(parent, { recursive: true });
		lock.assertHeld();
		await rename(temporary, folder);
		await syncFolder(parent);
		await syncFolder(lock.registry);
	} catch (error) {
		await rm(temporary, { recursive: true, force: true });
		throw error;
	}
}

async function move(from: string, to: string): Promise<void> {
	try {
		await rename(from, to);
	} catch (error) {
		if (!(error instanceof Error && "code" in error && error.code === "EXDEV")) throw error;
		await copy(from, to);
		await rm(from);
	}
}

async function copy(from: string, to: string): Promise<void> {
	await copyFile(from, to, constants.COPYFILE_FICLONE);
}

function toText(manifest: unknown): string {
	return `${JSON.stringify(manifest, null, "\t")}\n`;
}

async function exists(file: string): Promise<boolean> {
	return (await stat(file).catch(() => null)) !== null;
}
