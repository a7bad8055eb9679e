/**
 * What the registry's JSON files hold. Bundles outlive commits: writers state `format`, readers ignore unknown keys.
 *
 *     bases/<digest>/   base.json config.json tokenizer.json tokenizer_config.json model.safetensors model.onnx model.onnx.data
 *     adapters/<id>/    adapter.json adapter_config.json adapter_model.safetensors
 *     index.json        what is served to whom
 */
import { z } from "zod";

const Digest = z.string().regex(/^[0-9a-f]{64}$/);
const Files = z.record(z.string(), z.object({ bytes: z.number().int(), sha256: Digest }));

export const BaseManifest = z.object({
	format: z.literal(1),
	id: z.string(),
	/** SHA-256 of `identity` as canonical JSON; also the folder's name. */
	digest: Digest,
	/** All that adapters depend on: a change of any of it voids them. */
	identity: z.object({
		source: Digest,
		converter: z.number().int(),
		quantization: z.enum(["rowmix", "fp32"]),
		layout: z.object({
			kind: z.literal("prefix-suffix-middle"),
			prefix: z.number().int(),
			suffix: z.number().int(),
			middle: z.number().int(),
			end: z.number().int(),
		}),
		/** SHA-256 of tokenizer.json. */
		tokenizer: Digest,
		/** The format adapter merged in at conversion, if any. */
		formatAdapter: Digest.nullable(),
	}),
	family: z.enum(["qwen2", "llama"]),
	licence: z.string(),
	shape: z.object({
		layers: z.number().int(),
		heads: z.number().int(),
		keyValueHeads: z.number().int(),
		headDimension: z.number().int(),
		hidden: z.number().int(),
		intermediate: z.number().int(),
		vocabulary: z.number().int(),
		/** Positions the graph's rotary table covers. */
		positions: z.number().int(),
	}),
	parity: z.object({ prompts: z.number().int(), identical: z.number().int(), divergence: z.number(), maxTokens: z.number().int() }),
	files: Files,
	created: z.iso.datetime(),
});
export type BaseManifest = z.infer<typeof BaseManifest>;

export const Comparison = z.object({
	/** Held-out instances that both stacks answered. */
	instances: z.number().int(),
	/** Exact matches of either side. */
	candidate: z.number().int(),
	reference: z.number().int(),
	/** Discordant pairs: only the candidate right, only the reference right. */
	won: z.number().int(),
	lost: z.number().int(),
	/** Exact two-sided McNemar test. */
	pValue: z.number(),
	/** Difference of exact match, candidate − reference, with its 95 % interval, all in points (0 to 100). */
	difference: z.number(),
	interval: z.tuple([z.number(), z.number()]),
});
export type Comparison = z.infer<typeof Comparison>;

export const GateDecision = z.object({
	decision: z.enum(["promote", "refuse"]),
	reason: z.string(),
	/** Against the base alone. */
	base: Comparison,
	/** Against what was served at the time; null on a first promotion. */
	served: Comparison.nullable(),
	/** Against the parent (the organization adapter under a developer's); null for an organization adapter. */
	parent: Comparison.nullable(),
});
export type GateDecision = z.infer<typeof GateDecision>;

export const AdapterManifest = z.object({
	format: z.literal(1),
	id: z.string().regex(/^[a-z0-9-]+$/),
	kind: z.enum(["organization", "developer"]),
	organization: z.string(),
	/** Author key, for a developer adapter. */
	author: z.string().nullable(),
	/** Digest of the base it was trained on. */
	base: Digest,
	/** The adapter it was trained on top of, and is served with; null directly on the base. */
	parent: z.string().nullable(),
	rank: z.number().int(),
	/** Tokens of context on either side that it was trained and judged with, and is served with. */
	window: z.object({ prefix: z.number().int(), suffix: z.number().int() }),
	lineage: z.object({
		repositories: z.array(z.object({ name: z.string(), commits: z.number().int(), newest: z.string() })),
		instances: z.number().int(),
		/** Author keys with their instance counts; never names or addresses. */
		authors: z.record(z.string(), z.number().int()),
		/** Commit dates of the oldest and newest instance trained on. */
		from: z.iso.datetime({ offset: true }),
		to: z.iso.datetime({ offset: true }),
	}),
	recipe: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
	metrics: z.record(z.string(), z.number()),
	gate: GateDecision,
	files: Files,
	created: z.iso.datetime(),
});
export type AdapterManifest = z.infer<typeof AdapterManifest>;

/** What is served now, and what was before, newest first: a roll back takes the first of `previous`. */
const Slot = z.object({ current: z.string().nullable(), previous: z.array(z.string()) });
export type Slot = z.infer<typeof Slot>;

export const RegistryIndex = z.object({
	format: z.literal(1),
	/** Grows by one with every publication. */
	revision: z.number().int(),
	/** Digest of the base that is served; null in an empty registry. */
	base: Digest.nullable(),
	organizations: z.record(
		z.string(),
		Slot.extend({
			/** Normalized remote URLs of its repositories (`github.com/apache/commons-io`), to recognize workspaces. */
			remotes: z.array(z.string()),
			/** By author key. */
			developers: z.record(z.string(), Slot),
		}),
	),
	/** Key of an alias (HMAC of another e-mail address of the same person) → author key. */
	aliases: z.record(z.string(), z.string()),
});
export type RegistryIndex = z.infer<typeof RegistryIndex>;

export const emptyIndex: RegistryIndex = { format: 1, revision: 0, base: null, organizations: {}, aliases: {} };
