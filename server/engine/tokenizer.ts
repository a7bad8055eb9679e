import "./no-telemetry.ts";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PreTrainedTokenizer } from "@huggingface/transformers";
import { z } from "zod";
import { Fault } from "../core/fault.ts";
import type { Tokenizer } from "../core/tokenizer.ts";

const TokenizerFile = z.looseObject({ added_tokens: z.array(z.looseObject({ id: z.number(), content: z.string() })) });

/** Reads tokenizer.json and tokenizer_config.json of a base's folder. Gives the same ids as Python's tokenizers library. */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
	try {
		const tokenizer: unknown = JSON.parse(await readFile(join(folder, "tokenizer.json"), "utf8"));
		const config: unknown = JSON.parse(await readFile(join(folder, "tokenizer_config.json"), "utf8"));
		const controlTokens = new Map(TokenizerFile.parse(tokenizer).added_tokens.map(({ content, id }) => [content, id]));
		return wrap(new PreTrainedTokenizer(tokenizer as object, config as object), controlTokens);
	} catch (cause) {
		throw new Fault("base", `the tokenizer in ${folder} cannot be read: add the base again with \`idiolect-trainer base add\``, { cause });
	}
}

function wrap(tokenizer: PreTrainedTokenizer, controlTokens: ReadonlyMap<string, number>): Tokenizer {
	const spelled = new RegExp([...controlTokens.keys()].map((content) => content.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "g");
	const encodePiece = (text: string): number[] => (text === "" ? [] : tokenizer.encode(text, { add_special_tokens: false }));
	return {
		encode(text) {
			// A document may spell a control token; cut inside it, it is read as the plain text that it is.
			const ids: number[] = [];
			let from = 0;
			if (controlTokens.size > 0) {
				for (const found of text.matchAll(spelled)) {
					ids.push(...encodePiece(text.slice(from, found.index + 1)));
					from = found.index + 1;
				}
			}
			ids.push(...encodePiece(text.slice(from)));
			return ids;
		},
		decode: (ids) => (ids.length === 0 ? "" : tokenizer.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false })),
		controlToken: (content) => controlTokens.get(content),
	};
}
