import { join } from "node:path";
import type { Model } from "../core/completion.ts";
import type { Decoder } from "../core/decoder.ts";
import { openOnnxDecoder } from "../engine/onnx.ts";
import { loadTokenizer } from "../engine/tokenizer.ts";
import type { BaseManifest } from "../registry/manifest.ts";
import type { Registry } from "../registry/registry.ts";

export interface BaseModel extends AsyncDisposable {
	readonly manifest: BaseManifest;
	/** The window depends on the stack: everything else of the model. */
	readonly parts: Omit<Model, "window">;
}

/** Loads the base of that digest with its tokenizer and a decoder thread. Takes about a second. */
export async function loadBaseModel(
	registry: Registry,
	digest: string,
	threads: number,
	adapterFolder = (id: string): string => join(registry.folder, "adapters", id),
): Promise<BaseModel> {
	const { manifest, folder } = await registry.base(digest);
	const tokenizer = await loadTokenizer(folder);
	const decoder: Decoder = await openOnnxDecoder({ folder, shape: manifest.shape, threads, adapterFolder });
	return {
		manifest,
		parts: { tokenizer, layout: manifest.identity.layout, decoder },
		[Symbol.asyncDispose]: () => decoder[Symbol.asyncDispose](),
	};
}
