import { expect, test } from "vitest";
import { readSettings } from "./settings.ts";

test.each([
	[undefined, {}, []],
	[null, {}, []],
	[{}, {}, []],
	[[], {}, []],
	[{ author: "Ada Lovelace <ada@example.org>", organization: " acme ", other: 1 }, { author: "Ada Lovelace <ada@example.org>", organization: "acme" }, []],
	[{ author: "ada", organization: "acme" }, { organization: "acme" }, ['"author" must be Name <address>']],
	[{ author: "<<a@b>", organization: "" }, {}, ['"author"', '"organization" must be a name']],
	[{ author: null, organization: 7 }, {}, ['"organization"']],
	["acme", {}, ["must be an object"]],
	[["acme"], {}, ["must be an object"]],
])("%j", (options, settings, complaints) => {
	const read = readSettings(options);
	expect(read.settings).toEqual(settings);
	expect(read.complaints).toEqual(complaints.map((part) => expect.stringContaining(part)));
});
