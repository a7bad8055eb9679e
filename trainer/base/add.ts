import { mkdir, mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { loadTokenizer } from "../../server/engine/tokenizer.ts";
import { digestFile } from "../../server/registry/files.ts";
import { identityDigest } from "../../server/registry/identity.ts";
import type { BaseManifest } from "../../server/registry/manifest.ts";
import { openRegistry, type Published } from "../../server/registry/registry.ts";
import { writeTokenFile } from "../dataset/token-file.ts";
import type { ProgressDisplay } from "../progress.ts";
import { withPublishLock } from "../publish/lock.ts";
import { listFiles, publishBase } from "../publish/publish.ts";
import { updateIndex } from "../publish/update-index.ts";
import type { Worker } from "../worker/client.ts";
import { downloadBase, type Endpoints } from "./download.ts";
import { listBases } from "./list.ts";
import { lineBreakTokens, parityPrompts, parityTokens, requireParity } from "./parity.ts";
import { type BaseSource, findSource, layoutOf } from "./source.ts";

/** To be raised with every change of the converter that changes what a graph computes: it voids the adapters of earlier bases. */
const converterVersion = 1;

export interface Addition {
	/** A catalogue id, or a folder that holds a model's safetensors. */
	readonly source: string;
	readonly registry: string;
	readonly cache: string;
	readonly endpoints: Endpoints;
	readonly quantization: BaseManifest["identity"]["quantization"];
	/** Positions that the graph covers. */
	readonly positions: number;
	/** Serve it even though another base is served now. */
	readonly makeDefault: boolean;
	/** Asked for once it is needed, and ended afterwards: a base that is there already needs no Python. */
	readonly worker: () => Promise<Worker>;
	readonly progress: ProgressDisplay;
	readonly signal: AbortSignal;
}

interface Added extends Published<BaseManifest> {
	/** False when the registry had it already. */
	readonly isNew: boolean;
	/** Whether it is the base that is served. */
	readonly isDefault: boolean;
}

/** Downloads, converts, checks and publishes a base. */
export async function addBase(addition: Addition): Promise<Added> {
	const { registry, quantization, makeDefault } = addition;
	const source = await findSource(addition.source);
	const present = (await listBases(registry)).find(
		({ manifest: { identity } }) =>
			identity.source === source.digest && identity.quantization === quantization && identity.converter === converterVersion && identity.formatAdapter === null,
	);
	if (present !== undefined) {
		const base = await openRegistry(registry).base(present.manifest.digest, { verify: true });
		return { ...base, isNew: false, isDefault: await serve(registry, base.manifest.digest, makeDefault) };
	}
	const staging = path.join(addition.cache, "staging");
	await mkdir(staging, { recursive: true });
	// Not in the registry: whoever publishes there meanwhile would sweep it away.
	const staged = await mkdtemp(path.join(staging, "base-"));
	try {
		const manifest = await convert(source, staged, addition);
		const folder = await withPublishLock(registry, (lock) => publishBase(lock, staged, manifest));
		return { manifest, folder, isNew: true, isDefault: await serve(registry, manifest.digest, makeDefault) };
	} finally {
		await rm(staged, { recursive: true, force: true });
	}
}

async function convert(
	source: BaseSource,
	folder: string,
	{ cache, endpoints, quantization, positions, worker: startWorker, progress, signal }: Addition,
): Promise<BaseManifest> {
	const original = await obtain(source, { cache, endpoints, progress, signal });
	await using worker = await startWorker();
	const imported = await worker.run({ type: "import", ...original, output: folder }, { onProgress: progress.begin(`reading ${source.id}`), signal });
	const tokenizer = await loadTokenizer(folder);
	const layout = layoutOf(source, tokenizer);
	await worker.run({ type: "convert", base: folder, quantization, positions }, { onProgress: progress.begin(`converting ${source.id}`), signal });
	const prompts = `${folder}.prompts`;
	await writeTokenFile(
		prompts,
		parityPrompts(tokenizer, layout).map((prompt) => ({ prompt, target: [] })),
	);
	const lineBreaks = lineBreakTokens(tokenizer, imported.shape.vocabulary);
	const task = { type: "parity" as const, base: folder, prompts, maxTokens: parityTokens, endTokens: [layout.end], lineBreakTokens: lineBreaks };
	const result = await worker.run(task, { onProgress: progress.begin(`checking ${source.id} against the model`), signal }).finally(() => rm(prompts));
	const parity = { prompts: result.prompts, identical: result.identical, divergence: result.divergence, maxTokens: parityTokens };
	requireParity(source.id, parity);
	const identity: BaseManifest["identity"] = {
		source: source.digest,
		converter: converterVersion,
		quantization,
		layout,
		tokenizer: await digestFile(path.join(folder, "tokenizer.json")),
		formatAdapter: null,
	};
	return {
		format: 1,
		id: source.id,
		digest: identityDigest(identity),
		identity,
		family: imported.family,
		licence: source.licence,
		shape: { ...imported.shape, positions },
		parity,
		files: await listFiles(folder),
		created: new Date().toISOString(),
	};
}

/** The folder, and the GGUF file in it, that the worker opens. */
async function obtain(
	source: BaseSource,
	{ cache, endpoints, progress, signal }: Pick<Addition, "cache" | "endpoints" | "progress" | "signal">,
): Promise<{ source: string; gguf: string | null }> {
	if (source.kind === "folder") return { source: path.resolve(source.folder), gguf: null };
	const file = await downloadBase({ entry: source.entry, cache, endpoints, onProgress: progress.begin(`downloading ${source.id}`, "bytes"), signal });
	return { source: path.dirname(file), gguf: path.basename(file) };
}

/** Lets the base be served when nothing is, or when asked to; returns whether it is. */
async function serve(registry: string, digest: string, makeDefault: boolean): Promise<boolean> {
	return await withPublishLock(registry, async (lock) => {
		const { index, revision } = await openRegistry(registry).snapshot();
		if (index.base === digest) return true;
		if (index.base !== null && !makeDefault) return false;
		await updateIndex(lock, revision, () => ({ ...index, base: digest }));
		return true;
	});
}
