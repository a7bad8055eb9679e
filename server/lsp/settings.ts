import { z } from "zod";

/** What an editor may set in `initializationOptions`. */
export interface Settings {
	readonly author?: string;
	readonly organization?: string;
}

const fields = {
	author: { schema: z.string().regex(/^[^<>]*[^<>\s]\s*<[^<>\s]+>$/), shape: "Name <address>", otherwise: "the author is the one Git names" },
	organization: { schema: z.string().trim().min(1), shape: "a name", otherwise: "the organization follows from the repository and the author" },
};

/** Field by field: an invalid one becomes a complaint and the rest is used. */
export function readSettings(options: unknown): { readonly settings: Settings; readonly complaints: readonly string[] } {
	// An empty Lua table arrives as an empty array.
	const nothing = options === undefined || options === null || (Array.isArray(options) && options.length === 0);
	const given = z.record(z.string(), z.unknown()).safeParse(nothing ? {} : options);
	if (!given.success) {
		const complaint = `The initialization options must be an object such as {"organization": "acme"}, so they are ignored: correct the editor's configuration.`;
		return { settings: {}, complaints: [complaint] };
	}
	const settings: { author?: string; organization?: string } = {};
	const complaints: string[] = [];
	for (const name of ["author", "organization"] as const) {
		const value = given.data[name];
		if (value === undefined || value === null) continue;
		const { schema, shape, otherwise } = fields[name];
		const parsed = schema.safeParse(value);
		if (parsed.success) settings[name] = parsed.data;
		else complaints.push(`The initialization option "${name}" must be ${shape}, so it is ignored and ${otherwise}: correct the editor's configuration.`);
	}
	return { settings, complaints };
}
