/** Small registries for tests: real files with true digests. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { identityDigest } from "./identity.ts";
import type { AdapterManifest, BaseManifest } from "./manifest.ts";

/** File name → content. */
type Contents = Readonly<Record<string, string>>;

const baseContents: Contents = { "model.onnx": "graph", "model.safetensors": "weights", "tokenizer.json": "{}" };
const comparison = { instances: 10, candidate: 5, reference: 4, won: 2, lost: 1, pValue: 1, difference: 10, interval: [-10, 30] as [number, number] };

/** Writes a base's files, but not its manifest, and returns the manifest. */
export async function stageBase(folder: string, source: string): Promise<BaseManifest> {
	const files = await writeContents(folder, { ...baseContents, "model.safetensors": source });
	const identity: BaseManifest["identity"] = {
		source: sha256(source),
		converter: 1,
		quantization: "fp32",
		layout: { kind: "prefix-suffix-middle", prefix: 1, suffix: 2, middle: 3, end: 0 },
		tokenizer: sha256(baseContents["tokenizer.json"] ?? ""),
		formatAdapter: null,
	};
	return {
		format: 1,
		id: "sample",
		digest: identityDigest(identity),
		identity,
		family: "qwen2",
		licence: "Apache-2.0",
		shape: { layers: 1, heads: 2, keyValueHeads: 1, headDimension: 4, hidden: 8, intermediate: 16, vocabulary: 32, positions: 64 },
		parity: { prompts: 1, identical: 1, divergence: 0, maxTokens: 8 },
		files,
		created: "2026-01-01T00:00:00Z",
	};
}

/** Writes an adapter's files, but not its manifest, and returns the manifest. */
export async function stageAdapter(folder: string, adapter: Pick<AdapterManifest, "id" | "base"> & Partial<AdapterManifest>): Promise<AdapterManifest> {
	const files = await writeContents(folder, { "adapter_config.json": "{}", "adapter_model.safetensors": `weights of ${adapter.id}` });
	const author = adapter.author ?? null;
	return {
		format: 1,
		kind: author === null ? "organization" : "developer",
		organization: "apache",
		author,
		parent: null,
		rank: 8,
		window: { prefix: 160, suffix: 48 },
		lineage: {
			repositories: [{ name: "sample", commits: 10, newest: "0".repeat(40) }],
			instances: 100,
			authors: {},
			from: "2026-01-01T00:00:00Z",
			to: "2026-02-01T00:00:00+01:00",
		},
		recipe: { rank: 8 },
		metrics: {},
		gate: { decision: "promote", reason: "better", base: comparison, served: null, parent: null },
		files,
		created: "2026-02-02T00:00:00Z",
		...adapter,
	};
}

/** Lets a folder look as if it had been published. */
export async function writeJson(file: string, content: unknown): Promise<void> {
	await mkdir(path.dirname(file), { recursive: true });
	await writeFile(file, JSON.stringify(content));
}

async function writeContents(folder: string, contents: Contents): Promise<BaseManifest["files"]> {
	await mkdir(folder, { recursive: true });
	const files: BaseManifest["files"] = {};
	for (const [name, content] of Object.entries(contents)) {
		await writeFile(path.join(folder, name), content);
		files[name] = { bytes: Buffer.byteLength(content), sha256: sha256(content) };
	}
	return files;
}

function sha256(text: string): string {
	return createHash("sha256").update(text).digest("hex");
}
