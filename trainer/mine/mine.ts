/** Masked-line instances from the history of one repository. */
import { createHash } from "node:crypto";
import { type AuthorKey, authorKey, canonicalEmail, formatIdent } from "../../server/core/identity.ts";
import { fingerprint } from "../dataset/fingerprint.ts";
import type { Instance } from "../dataset/instance.ts";
import { BlobReader } from "./blobs.ts";
import { textAfter, textBefore } from "./bytes.ts";
import { hasNoCode, isBot, isForeignPath, isGenerated, isTestPath, massThreshold } from "./filters.ts";
import { readHistory } from "./history.ts";
import { cutHoles, type Hole, type HoleFault } from "./holes.ts";
import { languageOf } from "./languages.ts";
import { type ChangedFile, fileCounts, type LandedCommit, landedCommits } from "./log.ts";
import { findSecrets } from "./secrets.ts";
import { readSyntax } from "./syntax.ts";

export interface MiningOptions {
	/** Work tree or Git directory. */
	readonly folder: string;
	/** What has landed: HEAD, or a remote's branch. */
	readonly ref: string;
	/** Name of the repository in the instances: `host/owner/repository`, or the folder's for one without a remote. */
	readonly repository: string;
	readonly organization: string;
	/** Key of the author keys. */
	readonly secret: Uint8Array;
	/** `head` of the run before: only what landed since is mined. Null mines everything. */
	readonly watermark: string | null;
	readonly signal?: AbortSignal;
}

export interface Mining {
	/** The next watermark. */
	readonly head: string;
	/** Commits whose instances are void because the history was rewritten; "all" when none of them is left. */
	readonly vanished: readonly string[] | "all";
	/** Oldest commit first. To be iterated once; what stands below is complete when it ends. */
	readonly instances: AsyncGenerator<Instance>;
	readonly summary: MiningSummary;
	/** Key of an address that the mailmap replaces → key of the one that it puts in its place. */
	readonly aliases: ReadonlyMap<AuthorKey, AuthorKey>;
	/** Author key → `Name <mail>`, for this machine's eyes only. */
	readonly people: ReadonlyMap<AuthorKey, string>;
}

/** Counts of what was seen, and of what was left out and why. */
export interface MiningSummary {
	/** Landed commits that added or changed a file of a mined language. */
	commits: number;
	/** Such files with lines that were only added. */
	files: number;
	instances: number;
	readonly dropped: {
		readonly commits: { bot: number; mass: number; noAddress: number };
		readonly files: { test: number; foreign: number; generated: number; tooLarge: number; notText: number; absent: number; notParsed: number };
		readonly holes: Record<HoleFault | "secret" | "duplicate", number>;
	};
}

const maxFileBytes = 1_000_000;
const maxContextBytes = 12 * 1024;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export async function mine(options: MiningOptions): Promise<Mining> {
	const { head, since, vanished } = await readHistory(options.folder, options.ref, options.watermark, options.signal);
	const summary = emptySummary();
	const aliases = new Map<AuthorKey, AuthorKey>();
	const people = new Map<AuthorKey, string>();
	const range = since === null ? head : `${since}..${head}`;
	return { head, vanished, instances: instancesOf(options, head, range, { summary, aliases, people }), summary, aliases, people };
}

interface Records {
	readonly summary: MiningSummary;
	readonly aliases: Map<AuthorKey, AuthorKey>;
	readonly people: Map<AuthorKey, string>;
}

async function* instancesOf(options: MiningOptions, head: string, range: string, records: Records): AsyncGenerator<Instance> {
	const { folder, secret, signal } = options;
	const { summary, aliases, people } = records;
	// Over the whole history, whatever the range: what counts as a mass change must not depend on how often one mines.
	const counts = await fileCounts(folder, head, signal);
	const threshold = massThreshold([...counts.values()]);
	const seen = new Set<string>();
	await using blobs = new BlobReader(folder, signal);

	for await (const commit of landedCommits(folder, range, signal)) {
		summary.commits++;
		const email = canonicalEmail(commit.author.email);
		if (email === "") summary.dropped.commits.noAddress++;
		else if (isBot(commit.author) || isBot(commit.rawAuthor)) summary.dropped.commits.bot++;
		else if ((counts.get(commit.hash) ?? 0) > threshold) summary.dropped.commits.mass++;
		else {
			const author = authorKey(email, secret);
			const rawAuthor = authorKey(commit.rawAuthor.email, secret);
			people.set(author, formatIdent({ name: commit.author.name, email }));
			if (rawAuthor !== author && canonicalEmail(commit.rawAuthor.email) !== "") aliases.set(rawAuthor, author);
			for (const file of commit.files) {
				for (const instance of await instancesOfFile(file, { ...options, commit, author }, blobs, summary)) {
					const print = fingerprint(instance);
					if (seen.has(print)) summary.dropped.holes.duplicate++;
					else {
						seen.add(print);
						summary.instances++;
						yield instance;
					}
				}
			}
		}
	}
}

interface Origin {
	readonly organization: string;
	readonly repository: string;
	readonly commit: LandedCommit;
	readonly author: AuthorKey;
}

async function instancesOfFile(file: ChangedFile, origin: Origin, blobs: BlobReader, summary: MiningSummary): Promise<Instance[]> {
	const language = languageOf(file.path);
	if (!language || file.runs.length === 0) return [];
	summary.files++;
	const dropped = summary.dropped.files;
	const source = await readSource(file, blobs);
	if (typeof source === "string") {
		dropped[source]++;
		return [];
	}
	if (hasNoCode(source.text, file.runs)) return [];
	const syntax = await readSyntax(source.text, language);
	if (!syntax) {
		dropped.notParsed++;
		return [];
	}

	const holes: Hole[] = [];
	for (const cut of cutHoles(syntax, file.runs, (row, low, high) => draw(low, high, [origin.repository, origin.commit.hash, file.path, row]))) {
		if (typeof cut === "string") summary.dropped.holes[cut]++;
		else holes.push(cut);
	}
	const instances = holes.map((hole) => ({ hole, instance: instanceOf(hole, source, file, language.id, origin) }));
	const clean = await withoutSecrets(instances, source.text);
	summary.dropped.holes.secret += instances.length - clean.length;
	return clean;
}

interface Source {
	readonly bytes: Buffer;
	readonly text: string;
}

async function readSource(file: ChangedFile, blobs: BlobReader): Promise<Source | keyof MiningSummary["dropped"]["files"]> {
	if (isTestPath(file.path)) return "test";
	if (isForeignPath(file.path)) return "foreign";
	const bytes = await blobs.read(file.blob);
	if (!bytes) return "absent";
	if (bytes.length > maxFileBytes) return "tooLarge";
	const text = decode(bytes);
	if (text === null) return "notText";
	return isGenerated(text) ? "generated" : { bytes, text };
}

function decode(bytes: Buffer): string | null {
	try {
		return utf8.decode(bytes);
	} catch {
		return null;
	}
}

function instanceOf(hole: Hole, { bytes, text }: Source, file: ChangedFile, language: string, { organization, repository, commit, author }: Origin): Instance {
	const isAscii = bytes.length === text.length;
	const byteAt = (offset: number) => (isAscii ? offset : Buffer.byteLength(text.slice(0, offset)));
	const holeStart = byteAt(hole.start);
	const holeEnd = byteAt(hole.end);
	return {
		id: digest([repository, commit.hash, file.path, holeStart, holeEnd]).toString("hex"),
		organization,
		repository,
		commit: commit.hash,
		path: file.path,
		language,
		author,
		authorDate: commit.authorDate,
		commitDate: commit.commitDate,
		blob: file.blob,
		holeStart,
		holeEnd,
		prefix: textBefore(bytes, holeStart, maxContextBytes),
		suffix: textAfter(bytes, holeEnd, maxContextBytes),
		target: text.slice(hole.start, hole.end),
		targetTokens: hole.tokens,
		scopeStart: byteAt(hole.scope.start),
		scopeEnd: byteAt(hole.scope.end),
	};
}

/** Nothing secret is stored, not even as context. */
async function withoutSecrets(candidates: readonly { hole: Hole; instance: Instance }[], text: string): Promise<Instance[]> {
	const extents = candidates.map(({ hole, instance }) => ({ start: hole.start - instance.prefix.length, end: hole.end + instance.suffix.length }));
	if (extents.length === 0) return [];
	const secrets = await findSecrets(text, {
		start: Math.min(...extents.map(({ start }) => start)),
		end: Math.max(...extents.map(({ end }) => end)),
	});
	return candidates
		.filter((_, index) => {
			const extent = extents[index];
			return extent && !secrets.some((secret) => secret.start < extent.end && secret.end > extent.start);
		})
		.map(({ instance }) => instance);
}

/** A uniform whole number from `low` to `high`, both included, that depends on the seed alone. */
function draw(low: number, high: number, seed: readonly (string | number)[]): number {
	return low + Math.floor((digest(seed).readUIntBE(0, 6) / 2 ** 48) * (high - low + 1));
}

function digest(parts: readonly (string | number)[]): Buffer {
	return createHash("sha256").update(parts.join("\0")).digest();
}

function emptySummary(): MiningSummary {
	return {
		commits: 0,
		files: 0,
		instances: 0,
		dropped: {
			commits: { bot: 0, mass: 0, noAddress: 0 },
			files: { test: 0, foreign: 0, generated: 0, tooLarge: 0, notText: 0, absent: 0, notParsed: 0 },
			holes: { tooShort: 0, mostOfFunction: 0, syntaxError: 0, unfinished: 0, secret: 0, duplicate: 0 },
		},
	};
}
