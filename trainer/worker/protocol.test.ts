import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { contractSchema } from "./contract-schema.ts";

test("contract.schema.json is generated from protocol.ts (if not: node trainer/worker/generate-contract.ts PYTHON)", () => {
	expect(readFileSync(new URL("contract.schema.json", import.meta.url), "utf8")).toBe(contractSchema());
});
