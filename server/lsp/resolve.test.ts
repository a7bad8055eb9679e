import { expect, test } from "vitest";
import { packData, resolve } from "./resolve.ts";

const data = {
	text: "a();\nb();",
	language: "java",
	probability: 0.617,
	source: { base: "small", kind: "developer" as const, organization: "acme", adapters: ["o-1", "d-2"], why: "Ada has an adapter." },
};

const client = { snippets: true, labelDetails: true, markdown: true };

test("markdown", () => {
	expect(resolve({ label: "a", data: packData(data) }, client).documentation).toEqual({
		kind: "markdown",
		value:
			"```java\na();\nb();\n```\n\n- probability: `62 %`\n- base: `small`\n- organization: `acme`\n- organization adapter: `o-1`\n- developer adapter: `d-2`\n\nAda has an adapter.\n",
	});
});

test("plain, of the base alone", () => {
	const source = { base: "small", kind: "base" as const, organization: null, adapters: [], why: "No adapter." };
	const resolved = resolve({ label: "a", data: packData({ ...data, source }) }, { ...client, markdown: false });
	expect(resolved.documentation).toBe("a();\nb();\n\nprobability: 62 %\nbase: small\n\nNo adapter.\n");
});

test("the fence is longer than any in the text", () => {
	expect(resolve({ label: "a", data: packData({ ...data, text: "````" }) }, client).documentation).toMatchObject({
		value: expect.stringMatching(/^`{5}java\n````\n`{5}\n/),
	});
});

test.each([undefined, null, 7, "{}", { text: "a" }])("an item of another origin comes back as it is: %j", (foreign) => {
	const item = { label: "a", data: foreign };
	expect(resolve(item, client)).toBe(item);
});
