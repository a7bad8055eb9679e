import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { Fault } from "../core/fault.ts";
import { emptyIndex, type RegistryIndex } from "./manifest.ts";
import { openRegistry } from "./registry.ts";
import { stageAdapter, stageBase, writeJson } from "./samples.ts";

/** A registry with one base and one adapter on it, as files. */
async function sampleRegistry() {
	const folder = await mkdtemp(path.join(tmpdir(), "registry-"));
	const staged = await stageBase(path.join(folder, "staged"), "source");
	const baseFolder = path.join(folder, "bases", staged.digest);
	const base = await stageBase(baseFolder, "source");
	await writeJson(path.join(baseFolder, "base.json"), { ...base, unknown: "ignored" });
	const adapterFolder = path.join(folder, "adapters", "org-1");
	const adapter = await stageAdapter(adapterFolder, { id: "org-1", base: base.digest });
	await writeJson(path.join(adapterFolder, "adapter.json"), { ...adapter, unknown: "ignored" });
	const index: RegistryIndex = { ...emptyIndex, revision: 1, base: base.digest };
	const writeIndex = (change: object) => writeJson(path.join(folder, "index.json"), { ...index, ...change });
	await writeIndex({});
	return { folder, base, baseFolder, adapter, adapterFolder, writeIndex, registry: openRegistry(folder) };
}

async function faultOf(work: Promise<unknown>): Promise<string> {
	const error: unknown = await work.then(
		() => "no error",
		(error: unknown) => error,
	);
	if (!(error instanceof Fault)) return String(error);
	expect(error.message).not.toContain("\n");
	return `${error.code}: ${error.message}`;
}

test("an absent registry is empty, and is found when it appears", async () => {
	const folder = await mkdtemp(path.join(tmpdir(), "registry-"));
	const registry = openRegistry(path.join(folder, "later"));
	expect(await registry.snapshot()).toEqual({ index: emptyIndex, revision: 0 });
	await writeJson(path.join(folder, "later", "index.json"), { ...emptyIndex, revision: 7 });
	expect((await registry.snapshot()).revision).toBe(7);
});

test("a new index is served at the next question, an unchanged one is not read again", async () => {
	const { registry, writeIndex, folder } = await sampleRegistry();
	const first = await registry.snapshot();
	expect(await registry.snapshot()).toBe(first);
	await writeIndex({ revision: 2 });
	expect((await registry.snapshot()).revision).toBe(2);
	await rm(path.join(folder, "index.json"));
	expect((await registry.snapshot()).revision).toBe(0);
});

test.each([
	{ name: "not JSON", content: "{", problem: "not JSON" },
	{ name: "another format", content: JSON.stringify({ ...emptyIndex, format: 2 }), problem: "format: " },
	{ name: "another shape", content: JSON.stringify({ ...emptyIndex, organizations: { a: { current: 1 } } }), problem: "organizations.a.current: " },
])("an index that is $name is named with a remedy, and a repaired one is read", async ({ content, problem }) => {
	const { folder, registry, writeIndex } = await sampleRegistry();
	const file = path.join(folder, "index.json");
	await writeFile(file, content);
	const fault = await faultOf(registry.snapshot());
	expect(fault).toMatch(/^registry: /);
	expect(fault).toContain(`${file} cannot be read (${problem}`);
	expect(fault).toContain("restore it from a copy");
	await writeIndex({ revision: 3 });
	expect((await registry.snapshot()).revision).toBe(3);
});

test("a sound base and adapter are found, unknown keys ignored", async () => {
	const { registry, base, baseFolder, adapter, adapterFolder } = await sampleRegistry();
	expect(await registry.base(base.digest, { verify: true })).toEqual({ manifest: base, folder: baseFolder });
	const published = await registry.adapter("org-1");
	expect(published).toEqual({ manifest: adapter, folder: adapterFolder });
	expect(await registry.adapter("org-1")).toBe(published);
});

type Sample = Awaited<ReturnType<typeof sampleRegistry>>;
const rewrite = (change: object) => (sample: Sample) => writeJson(path.join(sample.adapterFolder, "adapter.json"), { ...sample.adapter, ...change });

test.each<{ name: string; damage: (sample: Sample) => Promise<unknown>; problem: string }>([
	{ name: "is absent", damage: ({ adapterFolder }) => rm(adapterFolder, { recursive: true }), problem: "adapter.json is missing" },
	{
		name: "lacks a file",
		damage: ({ adapterFolder }) => rm(path.join(adapterFolder, "adapter_model.safetensors")),
		problem: "adapter_model.safetensors is missing",
	},
	{
		name: "is cut",
		damage: ({ adapterFolder }) => truncate(path.join(adapterFolder, "adapter_model.safetensors"), 3),
		problem: "adapter_model.safetensors has 3 bytes instead of 16",
	},
	{
		name: "has changed bytes",
		damage: ({ adapterFolder }) => writeFile(path.join(adapterFolder, "adapter_model.safetensors"), "weights of org-2"),
		problem: "adapter_model.safetensors has another SHA-256",
	},
	{
		name: "has no manifest that parses",
		damage: ({ adapterFolder }) => writeFile(path.join(adapterFolder, "adapter.json"), "{"),
		problem: "adapter.json: not JSON",
	},
	{ name: "lists nothing", damage: rewrite({ files: {} }), problem: "adapter_config.json is not listed" },
	{ name: "is another", damage: rewrite({ id: "org-2" }), problem: "adapter.json describes another adapter" },
	{
		name: "leads out of the registry",
		damage: async (sample) => rewrite({ files: { ...sample.adapter.files, "../../../etc/passwd": { bytes: 1, sha256: "0".repeat(64) } } })(sample),
		problem: "is not a plain file name",
	},
])("an adapter that $name is refused, with the way back", async ({ damage, problem }) => {
	const sample = await sampleRegistry();
	await damage(sample);
	const fault = await faultOf(sample.registry.adapter("org-1"));
	expect(fault).toMatch(/^adapter: adapter org-1 in .* is damaged \(/);
	expect(fault).toContain(problem);
	expect(fault).toContain("`idiolect-trainer rollback`, or publish again");
});

test("a repaired adapter is served without a new start", async () => {
	const { registry, adapterFolder } = await sampleRegistry();
	const file = path.join(adapterFolder, "adapter_model.safetensors");
	await writeFile(file, "");
	expect(await faultOf(registry.adapter("org-1"))).toContain("has 0 bytes");
	await writeFile(file, "weights of org-1");
	expect((await registry.adapter("org-1")).manifest.id).toBe("org-1");
});

test("an adapter of another base is refused, though it was read before", async () => {
	const { registry, writeIndex } = await sampleRegistry();
	await registry.adapter("org-1");
	await writeIndex({ base: "f".repeat(64) });
	expect(await faultOf(registry.adapter("org-1"))).toMatch(/^adapter: adapter org-1 was trained on another base \([0-9a-f]{12}\) than is served: train/);
});

test("an id that is no name is not looked up as a path", async () => {
	const { registry } = await sampleRegistry();
	expect(await faultOf(registry.adapter("../adapters/org-1"))).toContain("adapter.json is missing");
	expect(await faultOf(registry.base("../bases"))).toContain("is not in the registry");
});

test.each<{ name: string; damage: (sample: Sample) => Promise<unknown>; quick: string; thorough: string }>([
	{ name: "absent", damage: ({ baseFolder }) => rm(baseFolder, { recursive: true }), quick: "is not in the registry", thorough: "is not in the registry" },
	{
		name: "without its graph",
		damage: ({ baseFolder }) => rm(path.join(baseFolder, "model.onnx")),
		quick: "model.onnx is missing",
		thorough: "model.onnx is missing",
	},
	{
		name: "cut",
		damage: ({ baseFolder }) => truncate(path.join(baseFolder, "model.onnx"), 1),
		quick: "model.onnx has 1 bytes instead of 5",
		thorough: "model.onnx has 1 bytes",
	},
	{ name: "changed", damage: ({ baseFolder }) => writeFile(path.join(baseFolder, "model.onnx"), "grapf"), quick: "no error", thorough: "another SHA-256" },
	{
		name: "of another identity",
		damage: ({ baseFolder, base }) => writeJson(path.join(baseFolder, "base.json"), { ...base, identity: { ...base.identity, converter: 2 } }),
		quick: "base.json describes another base",
		thorough: "base.json describes another base",
	},
])("a base that is $name", async ({ damage, quick, thorough }) => {
	const sample = await sampleRegistry();
	await damage(sample);
	expect(await faultOf(sample.registry.base(sample.base.digest))).toContain(quick);
	expect(await faultOf(sample.registry.base(sample.base.digest, { verify: true }))).toContain(thorough);
});
