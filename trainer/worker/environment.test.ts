import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { Fault } from "../../server/core/fault.ts";
import { prepareWorker } from "./environment.ts";

/** A shell script that passes for Python: tells its version, makes environments with a pip that logs, fails or hangs. */
const python = (version: string, pip: string) => `#!/bin/sh
if [ "$1" = "-c" ]; then echo "${version}"; exit; fi
if [ "$2" = "venv" ]; then /bin/mkdir -p "$3/bin"; printf '#!/bin/sh\\n%s\\n' '${pip}' > "$3/bin/python"; /bin/chmod +x "$3/bin/python"; exit; fi
exit 9
`;

/** A cache folder, and a PATH on which these interpreters are all there is. */
async function machine(interpreters: Readonly<Record<string, string>>, pip = ":") {
	const folder = await mkdtemp(path.join(tmpdir(), "environment-"));
	const bin = path.join(folder, "bin");
	const log = path.join(folder, "log");
	await mkdir(bin);
	for (const [name, version] of Object.entries(interpreters)) {
		await writeFile(path.join(bin, name), python(version, `echo "$@" >> ${log}; ${pip}`));
		await chmod(path.join(bin, name), 0o755);
	}
	const notes: string[] = [];
	const cache = path.join(folder, "cache");
	const prepare = (settings: { signal?: AbortSignal; environment?: NodeJS.ProcessEnv } = {}) =>
		prepareWorker({ cache, environment: { PATH: bin }, onNote: (text) => notes.push(text), signal: new AbortController().signal, ...settings });
	return { cache, notes, prepare, installs: async () => (await readFile(log, "utf8")).trim().split("\n") };
}

async function faultOf(work: Promise<unknown>): Promise<string> {
	const error: unknown = await work.then(
		() => "no error",
		(error: unknown) => error,
	);
	if (!(error instanceof Fault)) return String(error);
	expect(error.message).not.toContain("\n");
	return `${error.code}: ${error.message}`;
}

describe.skipIf(process.platform === "win32")("with shell scripts in place of Python", () => {
	test("takes the newest suitable Python, installs the pinned packages once, and uses them again", async () => {
		const { prepare, notes, installs, cache } = await machine({ python3: "3 9", "python3.12": "3 12", "python3.11": "3 11" });
		const [first, atOnce] = await Promise.all([prepare(), prepare()]);
		expect(atOnce).toEqual(first);
		expect(await prepare()).toEqual(first);
		expect(first.source).toBe(import.meta.dirname);
		expect(first.python).toMatch(/cache.worker-[0-9a-f]{16}.bin.python$/);
		expect(notes[0]).toMatch(/^creating a Python 3\.12 environment/);
		const [install, ...more] = await installs();
		expect(install).toBe(`-m pip install --quiet --requirement ${path.join(import.meta.dirname, "requirements.lock")}`);
		expect(more).toEqual([]);
		expect(await readdir(cache)).toHaveLength(1);
	});

	test("a half-built environment is built again", async () => {
		const { prepare, installs } = await machine({ python3: "3 11" });
		const { python } = await prepare();
		await rm(path.join(path.dirname(python), "..", ".complete"));
		await prepare();
		expect(await installs()).toHaveLength(2);
	});

	test("a ready interpreter is taken as it is", async () => {
		const { prepare, notes } = await machine({});
		expect((await prepare({ environment: { IDIOLECT_PYTHON: "/opt/python" } })).python).toBe("/opt/python");
		expect(notes).toEqual([]);
	});

	test.each<{ name: string; interpreters: Record<string, string>; pip?: string; fault: RegExp }>([
		{ name: "no Python", interpreters: {}, fault: /^environment: no Python was found: install Python 3\.11 or newer, or name one/ },
		{ name: "an older Python", interpreters: { python3: "3 9" }, fault: /^environment: only an older Python was found \(python3 is 3\.9\): install/ },
		{
			name: "a failed installation",
			interpreters: { python3: "3 13" },
			pip: 'echo "ERROR: No matching distribution found for torch" >&2; exit 1',
			fault: /^environment: the worker's Python environment could not be made \(ERROR: No matching distribution found for torch\): see to that/,
		},
	])("says what to do about $name", async ({ interpreters, pip, fault }) => {
		const { prepare } = await machine(interpreters, pip);
		expect(await faultOf(prepare())).toMatch(fault);
	});

	test("an aborted installation leaves nothing that counts as complete", async () => {
		const { prepare } = await machine({ python3: "3 13" }, "exec /bin/sleep 30");
		expect(await faultOf(prepare({ signal: AbortSignal.timeout(400) }))).toMatch(/^interrupted: the worker's Python environment was not finished/);
		expect(await faultOf(prepare({ signal: AbortSignal.timeout(400) }))).toMatch(/^interrupted: /);
	});
});
