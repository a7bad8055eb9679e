import { open, rename, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { OnProgress } from "../progress.ts";

/** A source that gives nothing: the next one is tried. */
export class SourceFailure extends Error {}

export interface Patience {
	/** Milliseconds until a server has begun to answer, and between two pieces of a file. */
	readonly answer: number;
	readonly piece: number;
	/** Milliseconds before a broken download is continued. */
	readonly retry: number;
}

const attempts = 4;

interface FileRequest {
	readonly url: URL;
	readonly headers?: Readonly<Record<string, string>>;
	/** The file's place; until it is whole it grows beside it as `.part`, and a later call continues there. */
	readonly file: string;
	/** Size in bytes where it is known. */
	readonly bytes: number | null;
	readonly patience: Patience;
	readonly onProgress: OnProgress;
	readonly signal: AbortSignal;
}

/** Downloads a file, continuing where an earlier attempt broke off. Throws a SourceFailure when the server does not give it. */
export async function fetchFile(request: FileRequest): Promise<void> {
	const { file, patience, signal } = request;
	const part = `${file}.part`;
	for (let attempt = 1; ; attempt++) {
		try {
			await continueDownload(request, part);
			await rename(part, file);
			return;
		} catch (error) {
			// Only what broke in the middle is worth another attempt: a server that refuses or is silent will do so again.
			if (!(error instanceof BrokenOff) || attempt === attempts) throw error instanceof BrokenOff ? new SourceFailure(error.message) : error;
			await sleep(patience.retry * attempt, undefined, { signal });
		}
	}
}

/** Asks and waits for the beginning of the answer. Throws a SourceFailure when none comes in time or it is a refusal. */
export async function answerOf(
	url: URL,
	headers: Readonly<Record<string, string>>,
	patience: Patience,
	signal: AbortSignal,
): Promise<{ response: Response; stop: AbortController }> {
	const stop = new AbortController();
	const late = setTimeout(() => stop.abort(), patience.answer);
	try {
		const response = await fetch(withoutPassword(url), { headers: { ...authorization(url), ...headers }, signal: AbortSignal.any([signal, stop.signal]) });
		if (response.ok || response.status === 416) return { response, stop };
		stop.abort();
		throw new SourceFailure(`${url.host} answered ${response.status}`);
	} catch (error) {
		signal.throwIfAborted();
		if (error instanceof SourceFailure) throw error;
		throw new SourceFailure(
			stop.signal.aborted ? `${url.host} did not answer within ${patience.answer / 1000} s` : `${url.host} cannot be reached (${reasonOf(error)})`,
		);
	} finally {
		clearTimeout(late);
	}
}

class BrokenOff extends Error {}

async function continueDownload({ url, headers = {}, bytes, patience, onProgress, signal }: FileRequest, part: string): Promise<void> {
	const present = (await stat(part).catch(() => null))?.size ?? 0;
	if (bytes !== null && present === bytes) return;
	const resuming = present > 0 && (bytes === null || present < bytes);
	const { response, stop } = await answerOf(url, resuming ? { ...headers, range: `bytes=${present}-` } : headers, patience, signal);
	// A server that knows no ranges, or no such range, sends everything again.
	const appending = resuming && response.status === 206;
	await using handle = await open(part, appending ? "a" : "w");
	if (response.status === 416) {
		stop.abort();
		throw new BrokenOff(`${url.host} has another file than before`);
	}
	let done = appending ? present : 0;
	const announced = response.headers.get("content-encoding") === null ? response.headers.get("content-length") : null;
	const total = bytes ?? (announced === null ? null : done + Number(announced));
	const piece = setTimeout(() => stop.abort(), patience.piece);
	try {
		for await (const chunk of response.body ?? []) {
			await handle.writeFile(chunk);
			done += chunk.length;
			onProgress({ done, total: total ?? 0 });
			piece.refresh();
		}
	} catch (error) {
		signal.throwIfAborted();
		if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) throw error;
		throw new BrokenOff(stop.signal.aborted ? `${url.host} stopped sending` : `${url.host} broke off (${reasonOf(error)})`);
	} finally {
		clearTimeout(piece);
		stop.abort();
	}
	if (total !== null && done < total) throw new BrokenOff(`${url.host} broke off after ${done} of ${total} bytes`);
}

function reasonOf(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}

/** Name and password of a URL, as private package indexes have them, travel as a header. */
function authorization(url: URL): Record<string, string> {
	if (url.username === "") return {};
	const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
	return { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
}

function withoutPassword(url: URL): URL {
	const bare = new URL(url);
	bare.username = "";
	bare.password = "";
	return bare;
}
