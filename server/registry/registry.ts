/** The read side of a registry folder: always the state that was published last, never a half-written one. */
import type { BigIntStats } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { Fault } from "../core/fault.ts";
import { findDamage } from "./files.ts";
import { identityDigest } from "./identity.ts";
import { AdapterManifest, BaseManifest, emptyIndex, RegistryIndex } from "./manifest.ts";
import { parseJson } from "./parse-json.ts";

interface Snapshot {
	readonly index: RegistryIndex;
	readonly revision: number;
}

/** A published folder with what its manifest says. */
export interface Published<Manifest> {
	readonly manifest: Manifest;
	readonly folder: string;
}

export interface Registry {
	readonly folder: string;
	/** What is published now; an absent registry is an empty one. Cheap: reads the index only when it changed. */
	snapshot(): Promise<Snapshot>;
	/** @param options verify: hash every file, which takes seconds per gigabyte, instead of comparing sizes. */
	base(digest: string, options?: { readonly verify?: boolean }): Promise<Published<BaseManifest>>;
	/** Checked to the last byte the first time it is asked for, and to be trained on the base that is served. */
	adapter(id: string): Promise<Published<AdapterManifest>>;
}

export function openRegistry(folder: string): Registry {
	const indexFile = path.join(folder, "index.json");
	let last: { stamp: string; snapshot: Snapshot } | null = null;
	const adapters = new Map<string, Promise<Published<AdapterManifest>>>();

	const snapshot = async (): Promise<Snapshot> => {
		try {
			const stats = await stat(indexFile, { bigint: true });
			if (last?.stamp === stampOf(stats)) return last.snapshot;
			last = await readIndex(indexFile);
			return last.snapshot;
		} catch (error) {
			if (error instanceof Fault) throw error;
			if (isAbsent(error)) return { index: emptyIndex, revision: emptyIndex.revision };
			throw unreadableIndex(indexFile, error instanceof Error ? error.message : String(error), error);
		}
	};

	return {
		folder,
		snapshot,
		base: (digest, options) => readBase(folder, digest, options?.verify ?? false),
		async adapter(id) {
			let reading = adapters.get(id);
			if (reading === undefined) {
				reading = readAdapter(folder, id);
				adapters.set(id, reading);
				reading.catch(() => adapters.delete(id)); // a repaired adapter is served without a restart
			}
			const adapter = await reading;
			const { index } = await snapshot();
			if (adapter.manifest.base !== index.base) {
				throw new Fault(
					"adapter",
					`adapter ${id} was trained on another base (${adapter.manifest.base.slice(0, 12)}) than is served: train and publish it again`,
				);
			}
			return adapter;
		},
	};
}

async function readIndex(file: string): Promise<{ stamp: string; snapshot: Snapshot }> {
	// One handle, so that the stamp belongs to the content even when the file is replaced meanwhile.
	await using handle = await open(file);
	const stamp = stampOf(await handle.stat({ bigint: true }));
	const parsed = parseJson(await handle.readFile("utf8"), RegistryIndex);
	if ("problem" in parsed) throw unreadableIndex(file, parsed.problem);
	return { stamp, snapshot: { index: parsed.value, revision: parsed.value.revision } };
}

async function readBase(registry: string, digest: string, content: boolean): Promise<Published<BaseManifest>> {
	const name = digest.slice(0, 12);
	const damaged = (problem: string) =>
		new Fault("base", `base ${name} in ${registry} is damaged (${problem}): remove it with \`idiolect-trainer base remove\` and add it again`);
	const folder = path.join(registry, "bases", /^[0-9a-f]{64}$/.test(digest) ? digest : "invalid");
	const text = await readManifest(path.join(folder, "base.json"), damaged);
	if (text === null) throw new Fault("base", `base ${name} is not in the registry ${registry}: add it with \`idiolect-trainer base add\``);
	const parsed = parseJson(text, BaseManifest);
	if ("problem" in parsed) throw damaged(`base.json: ${parsed.problem}`);
	const manifest = parsed.value;
	if (manifest.digest !== digest || identityDigest(manifest.identity) !== digest) throw damaged("base.json describes another base");
	if (manifest.files["tokenizer.json"]?.sha256 !== manifest.identity.tokenizer) throw damaged("tokenizer.json is of another base");
	const problem = await findDamage(folder, manifest.files, ["model.onnx", "tokenizer.json"], content);
	if (problem !== null) throw damaged(problem);
	return { manifest, folder };
}

async function readAdapter(registry: string, id: string): Promise<Published<AdapterManifest>> {
	const damaged = (problem: string) =>
		new Fault(
			"adapter",
			`adapter ${id} in ${registry} is damaged (${problem}): return to the one before it with \`idiolect-trainer rollback\`, or publish again`,
		);
	const folder = path.join(registry, "adapters", /^[a-z0-9-]+$/.test(id) ? id : "invalid");
	const text = await readManifest(path.join(folder, "adapter.json"), damaged);
	if (text === null) throw damaged("adapter.json is missing");
	const parsed = parseJson(text, AdapterManifest);
	if ("problem" in parsed) throw damaged(`adapter.json: ${parsed.problem}`);
	if (parsed.value.id !== id) throw damaged("adapter.json describes another adapter");
	const problem = await findDamage(folder, parsed.value.files, ["adapter_config.json", "adapter_model.safetensors"], true);
	if (problem !== null) throw damaged(problem);
	return { manifest: parsed.value, folder };
}

async function readManifest(file: string, damaged: (problem: string) => Fault): Promise<string | null> {
	try {
		return await readFile(file, "utf8");
	} catch (error) {
		if (isAbsent(error)) return null;
		throw damaged(`${path.basename(file)} cannot be read`);
	}
}

function stampOf(stats: BigIntStats): string {
	return `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}

function isAbsent(error: unknown): boolean {
	return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function unreadableIndex(file: string, problem: string, cause?: unknown): Fault {
	return new Fault("registry", `the registry's index ${file} cannot be read (${problem}): restore it from a copy, or name another registry`, { cause });
}
