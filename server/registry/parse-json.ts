import type { z } from "zod";

/** What a JSON text says under a schema, or in a few words why it says nothing. */
type Parsed<T> = { readonly value: T } | { readonly problem: string };

export function parseJson<T>(text: string, schema: z.ZodType<T>): Parsed<T> {
	let raw: unknown;
	try {
		raw = JSON.parse(text);
	} catch {
		return { problem: "not JSON" };
	}
	const parsed = schema.safeParse(raw);
	if (parsed.success) return { value: parsed.data };
	const [issue] = parsed.error.issues;
	return { problem: issue === undefined ? "not as expected" : `${issue.path.join(".") || "document"}: ${issue.message}` };
}
