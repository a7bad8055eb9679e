/** Where a base comes from: the catalogue, or a folder of safetensors. */
import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { Fault } from "../../server/core/fault.ts";
import { type MarkNames, type PromptLayout, promptLayout } from "../../server/core/prompt.ts";
import type { Tokenizer } from "../../server/core/tokenizer.ts";
import { digestFile } from "../../server/registry/files.ts";
import { type CatalogueEntry, catalogueEntry } from "./catalogue.ts";

export type BaseSource =
	| {
			readonly kind: "catalogue";
			readonly id: string;
			readonly digest: string;
			readonly licence: string;
			readonly marks: MarkNames;
			readonly entry: CatalogueEntry;
	  }
	| { readonly kind: "folder"; readonly id: string; readonly digest: string; readonly licence: string; readonly folder: string };

/** Fill-in-the-middle tokens of the families of code models, for folders, which do not say which are theirs. */
const knownMarks: readonly MarkNames[] = [
	{ prefix: "<|fim_prefix|>", suffix: "<|fim_suffix|>", middle: "<|fim_middle|>", end: "<|endoftext|>" },
	{ prefix: "<fim_prefix>", suffix: "<fim_suffix>", middle: "<fim_middle>", end: "<|endoftext|>" },
	{ prefix: "▁<PRE>", suffix: "▁<SUF>", middle: "▁<MID>", end: "▁<EOT>" },
];

/** @param source a catalogue id or the path of a folder. */
export async function findSource(source: string): Promise<BaseSource> {
	if (await isFolder(source))
		return { kind: "folder", id: path.basename(path.resolve(source)), digest: await folderDigest(source), licence: "not stated", folder: source };
	const entry = catalogueEntry(source);
	if (entry.marks === null) {
		throw new Fault(
			"base",
			`${entry.id} has no fill-in-the-middle tokens and must be taught the format first, which is not supported yet: add another base, such as qwen2.5-coder-0.5b`,
		);
	}
	return { kind: "catalogue", id: entry.id, digest: entry.sha256, licence: entry.licence, marks: entry.marks, entry };
}

export function layoutOf(source: BaseSource, tokenizer: Tokenizer): PromptLayout {
	if (source.kind === "catalogue") return promptLayout(source.marks, tokenizer);
	const marks = knownMarks.find((names) => Object.values(names).every((name) => tokenizer.controlToken(name) !== undefined));
	if (marks !== undefined) return promptLayout(marks, tokenizer);
	throw new Fault(
		"base",
		`the model in ${source.folder} has none of the known fill-in-the-middle tokens (such as <|fim_prefix|>): choose a code model that has`,
	);
}

/** SHA-256 over the names and digests of the weights and the configuration. */
async function folderDigest(folder: string): Promise<string> {
	const names = (await readdir(folder)).filter((name) => name.endsWith(".safetensors") || name === "config.json").sort();
	if (!names.includes("config.json") || names.length < 2) {
		throw new Fault("base", `${folder} holds no model (config.json and at least one .safetensors file): name the folder of a model in Hugging Face's format`);
	}
	const hash = createHash("sha256");
	for (const name of names) hash.update(`${await digestFile(path.join(folder, name))}  ${name}\n`);
	return hash.digest("hex");
}

async function isFolder(source: string): Promise<boolean> {
	return (await stat(source).catch(() => null))?.isDirectory() ?? false;
}
