import { createHash } from "node:crypto";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { execa } from "execa";
import lockfile from "proper-lockfile";
import { Fault } from "../../server/core/fault.ts";

/** What the worker is started with. */
export interface WorkerEnvironment {
	/** Interpreter that has the worker's dependencies. */
	readonly python: string;
	/** Folder that holds the package `idiolect_worker`. */
	readonly source: string;
}

interface Preparation {
	readonly cache: string;
	/** Variables of this process: IDIOLECT_PYTHON names a ready interpreter, PATH is searched for others. */
	readonly environment: NodeJS.ProcessEnv;
	/** A line of what is being done now. */
	readonly onNote: (text: string) => void;
	readonly signal: AbortSignal;
	/** The development one holds the other's packages too. */
	readonly requirements?: "requirements.lock" | "requirements-dev.lock";
}

interface Interpreter {
	readonly command: readonly [string, ...string[]];
	readonly version: readonly [number, number];
}

// From trainer/worker in a checkout, from dist/trainer/worker in the published package.
const source = [import.meta.dirname, path.join(import.meta.dirname, "..", "..", "..", "trainer", "worker")];
const candidates: readonly Interpreter["command"][] = [["python3.13"], ["python3.12"], ["python3.11"], ["python3"], ["py", "-3"]];

/** Finds Python and installs the worker's pinned dependencies once, in a virtual environment of its own in the cache folder. */
export async function prepareWorker({ cache, environment, onNote, signal, requirements = "requirements.lock" }: Preparation): Promise<WorkerEnvironment> {
	const folder = await findSource();
	const ready = environment["IDIOLECT_PYTHON"];
	if (ready) return { python: ready, source: folder };
	const digest = createHash("sha256").update(requirements);
	for (const lock of new Set(["requirements.lock", requirements])) digest.update(await readFile(path.join(folder, lock)));
	const target = path.join(cache, `worker-${digest.digest("hex").slice(0, 16)}`);
	const python = process.platform === "win32" ? path.join(target, "Scripts", "python.exe") : path.join(target, "bin", "python");
	const complete = path.join(target, ".complete");
	if (await exists(complete)) return { python, source: folder };
	await mkdir(cache, { recursive: true });
	const release = await waitForLock(cache, `${target}.lock`, signal);
	try {
		// Whoever held the lock before may have built it; what a crash left half-built is built again in place, since it cannot be moved.
		if (await exists(complete)) return { python, source: folder };
		const interpreter = await findPython(environment);
		await rm(target, { recursive: true, force: true });
		onNote(`creating a Python ${interpreter.version.join(".")} environment for the worker in ${target}`);
		const [command, ...options] = interpreter.command;
		await install(command, [...options, "-m", "venv", target], environment, signal);
		onNote("installing the worker's dependencies (PyTorch among them: this can take some minutes)");
		await install(python, ["-m", "pip", "install", "--quiet", "--requirement", path.join(folder, requirements)], environment, signal);
		await writeFile(complete, "");
		return { python, source: folder };
	} finally {
		await release().catch(() => {}); // lost while this machine slept
	}
}

async function waitForLock(folder: string, lockfilePath: string, signal: AbortSignal): Promise<() => Promise<void>> {
	for (;;) {
		try {
			return await lockfile.lock(folder, { lockfilePath, stale: 10_000, onCompromised: () => {} });
		} catch (error) {
			if (!(error instanceof Error && "code" in error && error.code === "ELOCKED")) throw error;
		}
		if (signal.aborted) throw interrupted();
		await setTimeout(500);
	}
}

function interrupted(): Fault {
	return new Fault("interrupted", "the worker's Python environment was not finished: run the same command again");
}

/** The first Python of version 3.11 or newer. */
async function findPython(environment: NodeJS.ProcessEnv): Promise<Interpreter> {
	const older: string[] = [];
	for (const command of candidates) {
		const version = await versionOf(command, environment);
		if (version === null) continue;
		if (version[0] === 3 && version[1] >= 11) return { command, version };
		older.push(`${command[0]} is ${version.join(".")}`);
	}
	const found = older.length === 0 ? "no Python was found" : `only an older Python was found (${older.join(", ")})`;
	throw new Fault("environment", `${found}: install Python 3.11 or newer, or name one that has the worker's dependencies in IDIOLECT_PYTHON`);
}

async function versionOf([file, ...options]: Interpreter["command"], environment: NodeJS.ProcessEnv): Promise<[number, number] | null> {
	const result = await execa(file, [...options, "-c", "import sys; print(*sys.version_info[:2])"], {
		env: environment,
		extendEnv: false,
		reject: false,
		timeout: 10_000,
		stdin: "ignore",
	});
	const [, major, minor] = /^(\d+) (\d+)$/.exec(result.stdout) ?? [];
	return result.failed || major === undefined || minor === undefined ? null : [Number(major), Number(minor)];
}

async function install(file: string, options: readonly string[], environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
	const result = await execa(file, options, { env: environment, extendEnv: false, reject: false, cancelSignal: signal, stdin: "ignore" });
	if (result.isCanceled) throw interrupted();
	if (!result.failed) return;
	const cause = [result.stderr, result.shortMessage].flatMap((text) => (text ?? "").trim().split("\n")).find((line) => /error|no space|cannot/i.test(line));
	throw new Fault(
		"environment",
		`the worker's Python environment could not be made (${cause ?? result.shortMessage}): see to that and run again, or name a ready interpreter in IDIOLECT_PYTHON`,
	);
}

async function findSource(): Promise<string> {
	for (const folder of source) if (await exists(path.join(folder, "idiolect_worker"))) return folder;
	throw new Fault("environment", `the Python package idiolect_worker is missing beside ${import.meta.dirname}: install idiolect again`);
}

async function exists(file: string): Promise<boolean> {
	return (await stat(file).catch(() => null)) !== null;
}
