import { z } from "zod";
import { FromWorker, protocolVersion, ToWorker } from "./protocol.ts";

/** The protocol as one JSON Schema document: the text of contract.schema.json. */
export function contractSchema(): string {
	const tasks = ToWorker.options.map((message) => [`${capitalized(message.shape.type.value)}Task`, jsonSchema(message)]);
	const replies = FromWorker.options.map((message) => [capitalized(message.shape.type.value), jsonSchema(message)]);
	const document = {
		$schema: "https://json-schema.org/draft/2020-12/schema",
		title: "Contract",
		description: `Messages between the trainer and its worker, protocol ${protocolVersion}; generated from protocol.ts.`,
		type: "object",
		properties: { protocol: { const: protocolVersion } },
		required: ["protocol"],
		$defs: Object.fromEntries([...tasks, ...replies]),
	};
	return `${JSON.stringify(document, null, "\t")}\n`;
}

function jsonSchema(message: z.ZodType): object {
	const { $schema: _, ...schema } = z.toJSONSchema(message, {
		// zod bounds every integer by what a double holds exactly: noise here.
		override: ({ jsonSchema }) => {
			delete jsonSchema.minimum;
			delete jsonSchema.maximum;
		},
	});
	return schema;
}

function capitalized(word: string): string {
	return word.charAt(0).toUpperCase() + word.slice(1);
}
