/**
 * Writes the worker's copy of the messages: `node trainer/worker/generate-contract.ts PYTHON`, where PYTHON has requirements-dev.lock installed.
 * zod → contract.schema.json → datamodel-code-generator → idiolect_worker/contract.py; tests on either side regenerate and compare.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { contractSchema } from "./contract-schema.ts";

const python = process.argv[2];
if (python === undefined) {
	process.stderr.write("Name a Python interpreter that has datamodel-code-generator: node trainer/worker/generate-contract.ts .venv/bin/python\n");
	process.exit(2);
}
const folder = fileURLToPath(new URL(".", import.meta.url));
writeFileSync(`${folder}contract.schema.json`, contractSchema());
await execa(python, ["generate_contract.py"], { cwd: folder, stdio: "inherit" });
