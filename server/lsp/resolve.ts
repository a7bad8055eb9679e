import { type CompletionItem, MarkupKind } from "vscode-languageserver/node";
import { z } from "zod";
import type { Client } from "./client.ts";

const itemData = z.object({
	text: z.string(),
	language: z.string(),
	probability: z.number(),
	source: z.object({
		base: z.string(),
		kind: z.enum(["developer", "organization", "base"]),
		organization: z.string().nullable(),
		adapters: z.array(z.string()).readonly(),
		why: z.string(),
	}),
});

type ItemData = z.infer<typeof itemData>;

/**
 * What an item carries, so that resolving it needs no memory of having offered it.
 * One string, because Neovim 0.11 cannot send an empty list back and then never inserts the item's further lines.
 */
export function packData(data: ItemData): string {
	return JSON.stringify(data);
}

/** `completionItem/resolve`: adds what is inserted, by which model, why, and how sure it is. An item of another origin comes back as it is. */
export function resolve(item: CompletionItem, client: Client): CompletionItem {
	const data = unpackData(item.data);
	if (data === null) return item;
	return { ...item, documentation: client.markdown ? { kind: MarkupKind.Markdown, value: markdown(data) } : plain(data) };
}

function unpackData(data: unknown): ItemData | null {
	try {
		return itemData.parse(JSON.parse(String(data)));
	} catch {
		return null;
	}
}

function markdown(data: ItemData): string {
	const fence = "`".repeat(Math.max(3, ...[...data.text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
	const facts = factsOf(data).map(([name, value]) => `- ${name}: \`${value}\``);
	return `${fence}${data.language}\n${data.text}\n${fence}\n\n${facts.join("\n")}\n\n${data.source.why}\n`;
}

function plain(data: ItemData): string {
	const facts = factsOf(data).map(([name, value]) => `${name}: ${value}`);
	return `${data.text}\n\n${facts.join("\n")}\n\n${data.source.why}\n`;
}

function factsOf({ probability, source }: ItemData): (readonly [string, string])[] {
	const developer = source.kind === "developer" ? source.adapters.at(-1) : undefined;
	const organization = source.adapters.find((id) => id !== developer);
	return [
		["probability", `${Math.round(probability * 100)} %`],
		["base", source.base],
		...(source.organization === null ? [] : [["organization", source.organization] as const]),
		...(organization === undefined ? [] : [["organization adapter", organization] as const]),
		...(developer === undefined ? [] : [["developer adapter", developer] as const]),
	];
}
