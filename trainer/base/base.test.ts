import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { Fault } from "../../server/core/fault.ts";
import { openRegistry } from "../../server/registry/registry.ts";
import { stageAdapter } from "../../server/registry/samples.ts";
import { openProgress } from "../progress.ts";
import { withPublishLock } from "../publish/lock.ts";
import { promote } from "../publish/promote.ts";
import { publishAdapter } from "../publish/publish.ts";
import { startWorker } from "../worker/client.ts";
import { type Addition, addBase } from "./add.ts";
import { catalogue } from "./catalogue.ts";
import { endpoints } from "./download.ts";
import { listBases } from "./list.ts";
import { lineBreakTokens, parityPrompts } from "./parity.ts";
import prompts from "./parity-prompts.json" with { type: "json" };
import { removeBase } from "./remove.ts";

const marks = ["<|endoftext|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"];

/** A byte-level tokenizer without merges: one token for each byte, as GPT-2 spells bytes, and then the marks. */
function byteTokenizer(control: readonly string[]): object {
	const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
	let shifted = 256;
	const vocabulary = Object.fromEntries(Array.from({ length: 256 }, (_, byte) => [String.fromCodePoint(printable(byte) ? byte : shifted++), byte]));
	const level = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
	return {
		version: "1.0",
		added_tokens: control.map((content, number) => ({
			id: 256 + number,
			content,
			special: true,
			single_word: false,
			lstrip: false,
			rstrip: false,
			normalized: false,
		})),
		normalizer: null,
		pre_tokenizer: level,
		post_processor: null,
		decoder: level,
		model: {
			type: "BPE",
			vocab: vocabulary,
			merges: [],
			unk_token: null,
			continuing_subword_prefix: "",
			end_of_word_suffix: "",
			fuse_unk: false,
			byte_fallback: false,
			dropout: null,
		},
	};
}

/** A worker that writes files in place of models, and reports this parity. */
const workerProgram = (parity: object, tokenizer: object) => `import json, pathlib, sys
def say(**message): print(json.dumps(message), flush=True)
say(type="hello", protocol=1, device="cpu", python="3", torch="none")
shape = dict(layers=1, heads=2, keyValueHeads=1, headDimension=4, hidden=8, intermediate=16, vocabulary=260)
for line in sys.stdin:
    task = json.loads(line)
    if task["type"] == "import":
        output = pathlib.Path(task["output"])
        source = pathlib.Path(task["source"]) / (task["gguf"] or "model.safetensors")
        (output / "model.safetensors").write_bytes(source.read_bytes())
        (output / "config.json").write_text("{}")
        (output / "tokenizer.json").write_text(${JSON.stringify(JSON.stringify(tokenizer))})
        (output / "tokenizer_config.json").write_text('{"tokenizer_class": "Qwen2Tokenizer"}')
        say(type="imported", family="qwen2", shape=shape)
    elif task["type"] == "convert":
        (pathlib.Path(task["base"]) / "model.onnx").write_text(task["quantization"])
        say(type="converted", nodes=1, bytes=1)
    else:
        assert task["endTokens"] == [256] and task["lineBreakTokens"] == [10], task
        assert pathlib.Path(task["prompts"]).stat().st_size > 1000
        say(type="parity", **${JSON.stringify(parity)})
`;

async function temporaryFolder(): Promise<string> {
	return await mkdtemp(path.join(tmpdir(), "base-"));
}

/** Settings for adding a folder of safetensors, with the fake worker. */
async function sample({ parity = { prompts: 32, identical: 30, divergence: 0.02 }, control = marks } = {}) {
	const folder = await temporaryFolder();
	const source = path.join(folder, "my-model");
	const program = path.join(folder, "worker", "idiolect_worker");
	await mkdir(source);
	await mkdir(program, { recursive: true });
	await writeFile(path.join(source, "model.safetensors"), "weights");
	await writeFile(path.join(source, "config.json"), "{}");
	await writeFile(path.join(program, "__main__.py"), workerProgram(parity, byteTokenizer(control)));
	const signal = new AbortController().signal;
	let started = 0;
	const addition: Addition = {
		source,
		registry: path.join(folder, "registry"),
		cache: path.join(folder, "cache"),
		endpoints: endpoints({}),
		quantization: "rowmix",
		positions: 4096,
		makeDefault: false,
		worker: () => {
			started++;
			return startWorker({ python: "python3", source: path.dirname(program), onLog: (line) => process.stderr.write(`${line}\n`), signal });
		},
		progress: openProgress(process.stderr, { silent: true }),
		signal,
	};
	return { ...addition, addition, source, starts: () => started };
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

test("a folder becomes the base that is served; adding it again does nothing; another is served when asked", async () => {
	const { addition, registry, cache, source, starts } = await sample();
	const added = await addBase(addition);
	expect(added).toMatchObject({ isNew: true, isDefault: true });
	expect(added.manifest).toMatchObject({
		id: "my-model",
		identity: { quantization: "rowmix", layout: { kind: "prefix-suffix-middle", end: 256, prefix: 257, suffix: 258, middle: 259 }, formatAdapter: null },
		shape: { vocabulary: 260, positions: 4096 },
		parity: { prompts: 32, identical: 30, divergence: 0.02 },
	});
	expect(await openRegistry(registry).base(added.manifest.digest, { verify: true })).toEqual({ manifest: added.manifest, folder: added.folder });
	expect(Object.keys(added.manifest.files)).toEqual(["config.json", "model.onnx", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
	expect(await readdir(path.join(cache, "staging"))).toEqual([]);

	expect(await addBase(addition)).toEqual({ ...added, isNew: false });
	expect(starts()).toBe(1);

	await writeFile(path.join(source, "model.safetensors"), "other weights");
	const other = await addBase(addition);
	expect(other).toMatchObject({ isNew: true, isDefault: false });
	expect(await addBase({ ...addition, makeDefault: true })).toMatchObject({ isNew: false, isDefault: true });
	expect((await listBases(registry)).map(({ manifest, isDefault }) => [manifest.digest, isDefault]).sort()).toEqual(
		[
			[added.manifest.digest, false],
			[other.manifest.digest, true],
		].sort(),
	);
});

test("a file of the catalogue that lies in the cache is enough", async () => {
	const { addition, cache, registry } = await sample();
	const [entry] = catalogue.bases;
	if (entry === undefined) throw new Error("the catalogue is empty");
	const digest = entry.sha256;
	await mkdir(path.join(cache, "bases"), { recursive: true });
	await writeFile(path.join(cache, "bases", entry.file), "weights");
	entry.sha256 = createHash("sha256").update("weights").digest("hex");
	try {
		const { manifest, folder } = await addBase({ ...addition, source: entry.id });
		expect(manifest).toMatchObject({ id: "qwen2.5-coder-0.5b", licence: "Apache-2.0", identity: { source: entry.sha256 } });
		expect(await readFile(path.join(folder, "model.safetensors"), "utf8")).toBe("weights");
		expect((await openRegistry(registry).snapshot()).index.base).toBe(manifest.digest);
	} finally {
		entry.sha256 = digest;
	}
});

test.each<{ name: string; settings?: Parameters<typeof sample>[0]; change?: (addition: Addition) => Promise<Partial<Addition>>; fault: RegExp }>([
	{
		name: "too few lines identical",
		settings: { parity: { prompts: 32, identical: 25, divergence: 0.02 } },
		fault: /^base: the converted my-model differs too much .*25 of 32 lines.*80 %.*choose/,
	},
	{
		name: "distribution too different",
		settings: { parity: { prompts: 32, identical: 32, divergence: 0.081 } },
		fault: /^base: .*divergence 0\.081 nats, at most 0\.08/,
	},
	{ name: "nothing compared", settings: { parity: { prompts: 0, identical: 0, divergence: 0 } }, fault: /^base: .*0 of 0/ },
	{
		name: "no marks in the vocabulary",
		settings: { control: ["<|endoftext|>"] },
		fault: /^base: the model in .*my-model has none of the known fill-in-the-middle tokens/,
	},
	{
		name: "no marks in the catalogue",
		change: async () => ({ source: "smollm2-135m" }),
		fault: /^base: smollm2-135m has no fill-in-the-middle tokens and must be taught the format first/,
	},
	{ name: "unknown", change: async () => ({ source: "gpt" }), fault: /^usage: there is no base gpt in the catalogue: name one of qwen2\.5-coder-0\.5b, / },
	{
		name: "a folder without a model",
		change: async ({ source }) => {
			await rm(path.join(source, "config.json"));
			return {};
		},
		fault: /^base: .*my-model holds no model \(config\.json/,
	},
])("refuses: $name, and leaves nothing behind", async ({ settings = {}, change, fault }) => {
	const { addition, registry, cache } = await sample(settings);
	expect(await faultOf(addBase({ ...addition, ...(await change?.(addition)) }))).toMatch(fault);
	expect(await listBases(registry)).toEqual([]);
	expect(await readdir(path.join(cache, "staging")).catch(() => [])).toEqual([]);
});

test("a base is removed by id or digest, damaged too, but not while an adapter needs it", async () => {
	const { addition, registry } = await sample();
	const { manifest, folder } = await addBase(addition);
	const staged = await temporaryFolder();
	const adapter = await stageAdapter(staged, { id: "org-1", base: manifest.digest });
	await withPublishLock(registry, async (lock) => {
		await publishAdapter(lock, staged, adapter);
		await promote(lock, 1, adapter, { remotes: [], authors: [], aliases: {} });
	});
	expect(await faultOf(removeBase(registry, "my-model"))).toMatch(/^base: the base my-model cannot be removed because org-1 were trained on it/);
	expect(await faultOf(removeBase(registry, "other"))).toMatch(/^usage: there is no base other/);
	await rm(path.join(registry, "index.json"));
	await writeFile(path.join(folder, "base.json"), "{");
	expect(await removeBase(registry, manifest.digest.slice(0, 12))).toBe(manifest.digest);
	expect(await readdir(path.join(registry, "bases"))).toEqual([]);

	await addBase(addition);
	expect(await removeBase(registry, "my-model")).toBe(manifest.digest);
	expect((await openRegistry(registry).snapshot()).index.base).toBeNull();
});

test("the parity prompts are 32 different places inside lines, in five languages", () => {
	expect(prompts).toHaveLength(32);
	expect(new Set(prompts.map(({ prefix, suffix }) => prefix + suffix)).size).toBeGreaterThan(8);
	expect(new Set(prompts.map(({ prefix }) => prefix)).size).toBe(32);
	expect(new Set(prompts.map(({ language }) => language)).size).toBe(5);
	for (const { prefix, suffix } of prompts) {
		expect(prefix.slice(prefix.lastIndexOf("\n")).trim()).not.toBe("");
		expect(suffix.startsWith("\n")).toBe(true);
		expect((prefix + suffix).split("\n").length).toBeGreaterThanOrEqual(10);
	}
});

test("prompts are cut as everywhere else; line breaks are found in the middle of tokens", () => {
	const texts = ["\n", "a", ";\n\n", "\t"];
	const tokenizer = {
		encode: (text: string) => [...text].map(() => 1),
		decode: (ids: readonly number[]) => texts[ids[0] ?? 0] ?? "",
		controlToken: () => undefined,
	};
	expect(lineBreakTokens(tokenizer, 4)).toEqual([0, 2]);
	const layout = { kind: "prefix-suffix-middle", prefix: 7, suffix: 8, middle: 9, end: 0 } as const;
	for (const prompt of parityPrompts(tokenizer, layout)) {
		expect(prompt.slice(0, 2)).toEqual([7, 1]);
		expect(prompt.at(-1)).toBe(9);
		expect(prompt.indexOf(8)).toBe(161);
		expect(prompt.length).toBeLessThanOrEqual(3 + 160 + 48);
	}
});
