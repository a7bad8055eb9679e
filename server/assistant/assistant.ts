import type { Logger } from "pino";
import type { Answer, Assistant, Place, Source, Typist } from "../core/assistant.ts";
import { complete } from "../core/completion.ts";
import { Fault } from "../core/fault.ts";
import { type Candidate, stackCandidates } from "../core/stack.ts";
import { defaultWindow, type WindowSize } from "../core/window.ts";
import type { Git } from "../git/git.ts";
import type { Registry } from "../registry/registry.ts";
import { type BaseModel, loadBaseModel } from "./base-model.ts";
import { type Identified, identify } from "./identify.ts";

export interface AssistantOptions {
	readonly registry: Registry;
	readonly git: Git;
	/** Secret of the author keys; null when this machine has none, so that no developer is recognized. Asked per request: the first refresh makes it. */
	readonly secret: () => Promise<Uint8Array | null>;
	readonly threads: number;
	readonly log: Logger;
}

export interface OpenAssistant extends Assistant, AsyncDisposable {
	/** Loads the served base, if there is one, so that the first request does not wait for it. */
	warm(): Promise<void>;
}

interface Resolved {
	readonly source: Source;
	readonly window: WindowSize;
}

/** Git is asked again after this long: an author who changes their identity is recognized at the next pause. */
const identityMilliseconds = 5_000;

/** Answers with the newest published stack of whoever types. One base is in memory; adapters are chosen per request. */
export function openAssistant(options: AssistantOptions): OpenAssistant {
	const { registry, git, secret, threads, log } = options;
	const identities = new Map<string, { until: number; identified: Promise<Identified> }>();
	const told = new Set<string>();
	/** Adapters that passed their digests but not the engine. */
	const unusable = new Map<string, Fault>();
	let loaded: { digest: string; model: Promise<BaseModel> } | null = null;

	const tellOnce = (fault: Fault): void => {
		if (told.has(fault.message)) return;
		told.add(fault.message);
		log.warn({ code: fault.code }, fault.message);
	};

	const identityOf = async (typist: Typist): Promise<Identified> => {
		const current = await secret();
		const key = JSON.stringify([typist.folder, typist.author, typist.organization, current === null]);
		const known = identities.get(key);
		if (known !== undefined && known.until > Date.now()) return known.identified;
		const identified = identify(typist, git, current);
		identities.set(key, { until: Date.now() + identityMilliseconds, identified });
		identified.catch(() => identities.delete(key));
		return identified;
	};

	/** The model of a digest; a replaced one ends after the requests that run on it. */
	const modelOf = (digest: string): Promise<BaseModel> => {
		if (loaded?.digest !== digest) {
			const before = loaded;
			const model = loadBaseModel(registry, digest, threads);
			loaded = { digest, model };
			model.catch(() => {
				if (loaded?.model === model) loaded = null;
			});
			before?.model.then((old) => old[Symbol.asyncDispose]()).catch(() => undefined);
			log.info({ base: digest.slice(0, 12), threads }, "loading the base model");
		}
		return loaded.model;
	};

	const adaptersOf = async (candidate: Candidate): Promise<{ adapters: string[]; window: WindowSize }> => {
		if (candidate.adapter === null) return { adapters: [], window: defaultWindow };
		const fault = unusable.get(candidate.adapter);
		if (fault !== undefined) throw fault;
		const { manifest } = await registry.adapter(candidate.adapter);
		if (manifest.parent !== null) await registry.adapter(manifest.parent);
		return { adapters: [...(manifest.parent === null ? [] : [manifest.parent]), manifest.id], window: manifest.window };
	};

	const resolve = async (typist: Typist): Promise<{ digest: string; resolved: Resolved }> => {
		const { index } = await registry.snapshot();
		if (index.base === null)
			throw new Fault("registry", `the registry ${registry.folder} holds no base model: add one with \`idiolect-trainer base add qwen2.5-coder-0.5b\``);
		const base = (await registry.base(index.base)).manifest.id;
		const { identity } = await identityOf(typist);
		let setback = "";
		for (const candidate of stackCandidates(index, identity)) {
			try {
				const { adapters, window } = await adaptersOf(candidate);
				const { kind, organization, why } = candidate;
				return { digest: index.base, resolved: { source: { base, kind, organization, adapters, why: `${why}${setback}` }, window } };
			} catch (error) {
				if (!(error instanceof Fault)) throw error;
				tellOnce(error);
				setback += `; its ${candidate.kind} adapter cannot be used`;
			}
		}
		throw new Error("the list of candidates ends with the base");
	};

	const answer = async (place: Place, signal: AbortSignal): Promise<Answer | null> => {
		const { digest, resolved } = await resolve(place.typist);
		const { parts } = await modelOf(digest);
		const { adapters } = resolved.source;
		try {
			const completion = await complete(place, { adapters }, { ...parts, window: resolved.window }, signal);
			return completion === null ? null : { ...completion, source: resolved.source };
		} catch (error) {
			const newest = adapters.at(-1);
			if (!(error instanceof Fault) || error.code !== "adapter" || newest === undefined) throw error;
			unusable.set(newest, error);
			return answer(place, signal);
		}
	};

	return {
		answer,
		source: async (typist) => (await resolve(typist)).resolved.source,
		async warm() {
			const { index } = await registry.snapshot();
			if (index.base !== null) await modelOf(index.base);
		},
		async [Symbol.asyncDispose]() {
			const model = await loaded?.model.catch(() => undefined);
			await model?.[Symbol.asyncDispose]();
		},
	};
}
