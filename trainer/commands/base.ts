import { addBase } from "../base/add.ts";
import { catalogue } from "../base/catalogue.ts";
import { endpoints } from "../base/download.ts";
import { listBases } from "../base/list.ts";
import { removeBase } from "../base/remove.ts";
import { type CommonOptions, openContext, printJson } from "./context.ts";

export interface BaseAddOptions extends CommonOptions {
	readonly default?: true;
}

/** Positions the graph covers: the longest prompt and answer together. */
const positions = 4096;

export async function baseAdd(source: string, { default: makeDefault, ...common }: BaseAddOptions): Promise<void> {
	const { folders, display, openWorker, signal } = openContext(common);
	using _display = display;
	const { manifest, folder, isNew, isDefault } = await addBase({
		source,
		registry: folders.registry,
		cache: folders.cache,
		endpoints: endpoints(process.env),
		quantization: "rowmix",
		positions,
		makeDefault: makeDefault === true,
		worker: openWorker,
		progress: display,
		signal,
	});
	display[Symbol.dispose]();
	if (common.json) printJson({ id: manifest.id, digest: manifest.digest, folder, isNew, isDefault, parity: manifest.parity });
	else {
		const { identical, prompts, divergence } = manifest.parity;
		process.stdout.write(
			`${manifest.id} ${isNew ? "was added" : "was there already"} (${manifest.digest.slice(0, 12)}), ${isDefault ? "and is served" : "and another base is served: pass --default to change that"}\n`,
		);
		process.stdout.write(`parity with PyTorch: ${identical} of ${prompts} texts identical, divergence ${divergence.toFixed(4)} nats\n`);
	}
}

export async function baseList(common: CommonOptions): Promise<void> {
	const { folders } = openContext(common);
	const bases = await listBases(folders.registry);
	const added = bases.map(({ manifest: { id, digest, licence }, isDefault }) => ({ id, digest, licence, served: isDefault }));
	const available = catalogue.bases.map(({ id, bytes, licence }) => ({ id, bytes, licence }));
	if (common.json) return printJson({ added, available });
	for (const { id, digest, served } of added) process.stdout.write(`${id} ${digest.slice(0, 12)}${served ? " (served)" : ""}\n`);
	for (const { id, bytes, licence } of available)
		process.stdout.write(`available: ${id}${bytes === null ? "" : `, ${Math.round(bytes / 1e6)} MB`}, ${licence}\n`);
}

export async function baseRemove(name: string, common: CommonOptions): Promise<void> {
	const { folders } = openContext(common);
	const digest = await removeBase(folders.registry, name);
	if (common.json) printJson({ removed: digest });
	else process.stdout.write(`${digest.slice(0, 12)} was removed\n`);
}
