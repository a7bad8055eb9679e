/** `npm test`: makes the worker's development environment when it is missing, then runs Vitest, and lint and tests of the worker. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { defaultFolders } from "../server/folders.ts";
import { prepareWorker } from "../trainer/worker/environment.ts";

const root = path.resolve(import.meta.dirname, "..");
const { cache } = defaultFolders(process.env);
const onNote = (text: string): void => {
	process.stderr.write(`${text}\n`);
};
const { python, source } = await prepareWorker({
	cache,
	environment: process.env,
	onNote,
	signal: new AbortController().signal,
	requirements: "requirements-dev.lock",
});

const steps: readonly { command: readonly string[]; folder: string }[] = [
	{ command: [process.execPath, path.join(root, "node_modules/vitest/vitest.mjs"), "run", ...process.argv.slice(2)], folder: root },
	{ command: [python, "-m", "ruff", "check", "."], folder: source },
	{ command: [python, "-m", "ruff", "format", "--check", "."], folder: source },
	{ command: [python, "-m", "pytest", "-q"], folder: source },
];
for (const { command, folder } of steps) {
	const [file = "", ...words] = command;
	const { status } = spawnSync(file, words, { cwd: folder, stdio: "inherit", env: { ...process.env, IDIOLECT_PYTHON: python } });
	if (status !== 0) process.exit(status ?? 1);
}
