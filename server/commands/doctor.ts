import path from "node:path";
import { pino } from "pino";
import { identify } from "../assistant/identify.ts";
import { Fault } from "../core/fault.ts";
import { openContext } from "./context.ts";

export interface DoctorOptions {
	readonly dir: string;
	readonly author?: string;
	readonly registry?: string;
	readonly json?: true;
}

interface Finding {
	readonly what: string;
	readonly ok: boolean;
	readonly detail: string;
}

/** Says what is found and missing, who types here, and which stack would answer and why. Returns whether completions can be served. */
export async function doctor(options: DoctorOptions): Promise<boolean> {
	const folder = path.resolve(options.dir);
	const { registry, git, secret, folders, assistant } = await openContext(options.registry, pino({ level: "silent" }));
	await using closing = assistant;
	const typist = { folder, ...(options.author !== undefined && { author: options.author }) };
	const findings: Finding[] = [];
	const check = async (what: string, find: () => Promise<{ ok: boolean; detail: string }>): Promise<void> => {
		try {
			findings.push({ what, ...(await find()) });
		} catch (error) {
			if (!(error instanceof Fault)) throw error;
			findings.push({ what, ok: false, detail: error.message });
		}
	};

	await check("Node", async () => ({ ok: true, detail: process.versions.node }));
	await check("repository", async () => {
		const root = await git.topLevel(folder);
		return root === null ? { ok: false, detail: `${folder} lies in no Git work tree` } : { ok: true, detail: root };
	});
	await check("author", async () => {
		const { author } = await identify(typist, git, await secret());
		if (author === null) return { ok: false, detail: "Git names no author here: set user.name and user.email, or pass --author" };
		return { ok: true, detail: `${author.ident} (from ${author.from === "git" ? "Git's configuration or environment, after the mailmap" : "--author"})` };
	});
	await check("author key", async () =>
		(await secret()) === null
			? { ok: false, detail: `no key file ${folders.authorKey}: without it no developer is recognized; copy it from the trainer's machine` }
			: { ok: true, detail: folders.authorKey },
	);
	await check("registry", async () => {
		const { index } = await registry.snapshot();
		return { ok: index.revision > 0, detail: index.revision > 0 ? `${registry.folder}, revision ${index.revision}` : `${registry.folder} is empty` };
	});
	await check("base model", async () => {
		const { index } = await registry.snapshot();
		if (index.base === null) return { ok: false, detail: "none: add one with `idiolect-trainer base add qwen2.5-coder-0.5b`" };
		const { manifest } = await registry.base(index.base, { verify: true });
		return { ok: true, detail: `${manifest.id} (${manifest.digest.slice(0, 12)}), all digests right` };
	});
	await check("adapters", async () => {
		const { index } = await registry.snapshot();
		const ids = Object.values(index.organizations).flatMap(({ current, developers }) => [current, ...Object.values(developers).map((slot) => slot.current)]);
		const served = ids.filter((id) => id !== null);
		for (const id of served) await registry.adapter(id);
		return { ok: true, detail: `${served.length} served, all digests right` };
	});
	await check("answers", async () => {
		const { kind, base, adapters, why } = await closing.source(typist);
		return { ok: true, detail: `${kind} model, ${[base, ...adapters].join(" + ")}: ${why}` };
	});

	const healthy = findings.find(({ what }) => what === "answers")?.ok === true;
	if (options.json) process.stdout.write(`${JSON.stringify({ healthy, findings })}\n`);
	else for (const { what, ok, detail } of findings) process.stdout.write(`${ok ? "ok     " : "missing"} ${what}: ${detail}\n`);
	return healthy;
}
