import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { Fault } from "../../server/core/fault.ts";
import type { Progress } from "../progress.ts";
import { startWorker, type Worker } from "./client.ts";

const prelude = `import json, os, sys, time
def say(**message): print(json.dumps(message), flush=True)
def hello(protocol=1): say(type="hello", protocol=protocol, device="cpu", python="3", torch="none")
def hear():
    line = sys.stdin.readline()
    if not line: sys.exit(0)
    return json.loads(line)
`;

const never = new AbortController().signal;
const task = { type: "convert", base: "/base", quantization: "fp32", positions: 64 } as const;
const converted = `say(type="converted", nodes=3, bytes=9)\n`;

/** Starts a worker that runs these lines of Python. */
async function start(
	script: string,
	{ python = "python3", patience = { hello: 5000, cancel: 300 }, signal = never } = {},
): Promise<{ worker: Worker; log: string[] }> {
	const source = await mkdtemp(path.join(tmpdir(), "worker-"));
	await mkdir(path.join(source, "idiolect_worker"));
	await writeFile(path.join(source, "idiolect_worker", "__main__.py"), prelude + script);
	const log: string[] = [];
	const worker = await startWorker({ python, source, onLog: (line) => log.push(line), patience, signal });
	return { worker, log };
}

async function faultOf(work: Promise<unknown>): Promise<string> {
	const error = await work.then(
		() => "no error",
		(error: unknown) => error,
	);
	return error instanceof Fault ? `${error.code}: ${error.message}` : String(error);
}

test("runs tasks one after the other, passes progress on, logs stderr, ends with its input", async () => {
	const { worker, log } = await start(`hello()
while True:
    task = hear()
    print("at work on", task["type"], file=sys.stderr, flush=True)
    say(type="progress", done=1, total=2, loss=None)
    say(type="progress", done=2, total=2, loss=0.51234)
    ${converted}`);
	{
		await using running = worker;
		expect(running.hello.device).toBe("cpu");
		for (let round = 0; round < 2; round++) {
			const progress: Progress[] = [];
			const result = await running.run(task, { onProgress: (step) => progress.push(step), signal: never });
			expect(result).toEqual({ type: "converted", nodes: 3, bytes: 9 });
			expect(progress).toEqual([
				{ done: 1, total: 2 },
				{ done: 2, total: 2, detail: "loss 0.512" },
			]);
		}
	}
	expect(log).toEqual(["at work on convert", "at work on convert"]);
});

test.each([
	{ name: "another protocol", script: "hello(2)", fault: /^worker: the worker speaks protocol 2 instead of protocol 1: install/ },
	{ name: "no greeting", script: converted, fault: /^worker: the worker greeted with "converted" instead/ },
	{
		name: "garbage as a greeting",
		script: `print("Loading...", flush=True)`,
		fault: /^worker: the worker sent "Loading\.\.\.", which is no message \(not JSON\)/,
	},
	{ name: "dies at once", script: `sys.exit("no module named torch")`, fault: /^worker: .* ended with exit status 1 after saying: no module named torch; run/ },
	{ name: "says nothing", script: "time.sleep(60)", fault: /^worker: .* did not answer within 0\.5 s/ },
])("does not start: $name", async ({ script, fault }) => {
	const patience = script.includes("sleep") ? { hello: 500, cancel: 300 } : { hello: 5000, cancel: 300 };
	expect(await faultOf(start(script, { patience }))).toMatch(fault);
});

test("names an interpreter that cannot be started", async () => {
	expect(await faultOf(start("", { python: "/nowhere/python" }))).toMatch(/^worker: the worker \(\/nowhere\/python\) could not be started \(.*ENOENT/);
});

test.each([
	{
		name: "crashes",
		script: `hear(); print("free(): invalid pointer", file=sys.stderr, flush=True); os.abort()`,
		fault: /^worker: .* was killed by SIGABRT after saying: free\(\): invalid pointer; run/,
	},
	{ name: "exits quietly", script: "hear()", fault: /^worker: .* ended with exit status 0: run/ },
	{ name: "unknown key", script: `hear(); say(type="converted", nodes=3, bytes=9, more=1)`, fault: /^worker: .* is no message \(.*more.*\): install/ },
	{ name: "wrong type of value", script: `hear(); say(type="converted", nodes="3", bytes=9)`, fault: /^worker: .* is no message \(nodes: / },
	{
		name: "result of another task",
		script: `hear(); say(type="parity", prompts=1, identical=1, divergence=0)`,
		fault: /^worker: the worker answered convert with "parity"/,
	},
	{ name: "cancelled unasked", script: `hear(); say(type="cancelled")`, fault: /^worker: the worker answered convert with "cancelled"/ },
	{
		name: "fails",
		script: `hear(); say(type="failed", code="out-of-memory", message="memory ran out; choose a smaller base")`,
		fault: /^worker: the worker could not convert: memory ran out; choose/,
	},
])("a task ends in one sentence: $name", async ({ script, fault }) => {
	await using worker = (await start(`hello()\n${script}`)).worker;
	const message = await faultOf(worker.run(task, { onProgress() {}, signal: never }));
	expect(message).toMatch(fault);
	expect(message).not.toContain("\n");
});

test("a failed task leaves the worker usable", async () => {
	await using worker = (await start(`hello()\nhear(); say(type="failed", code="bad-input", message="empty")\nhear()\n${converted}hear()`)).worker;
	expect(await faultOf(worker.run(task, { onProgress() {}, signal: never }))).toMatch(/^worker: the worker could not convert: empty$/);
	expect((await worker.run(task, { onProgress() {}, signal: never })).nodes).toBe(3);
});

test.each([
	{ name: "obeys", script: `assert hear()["type"] == "cancel"\nsay(type="cancelled")\nhear()`, fault: /^interrupted: the worker was stopped on request/ },
	{ name: "sends progress first", script: `hear(); say(type="progress", done=1, total=2, loss=None); say(type="cancelled"); hear()`, fault: /^interrupted: / },
	{ name: "does not hear it and is killed", script: "time.sleep(60)", fault: /^interrupted: / },
	{ name: "was done already", script: `hear()\n${converted}hear()`, fault: /^no error$/ },
	{
		name: "cannot save its work",
		script: `hear(); say(type="failed", code="no-space", message="the disk is full; free some space"); hear()`,
		fault: /^worker: the worker could not convert: the disk is full/,
	},
])("cancelled, a worker that $name", async ({ script, fault }) => {
	await using worker = (await start(`hello()\nhear(); say(type="progress", done=0, total=2, loss=None)\n${script}`)).worker;
	const stop = new AbortController();
	expect(await faultOf(worker.run(task, { onProgress: () => stop.abort(), signal: stop.signal }))).toMatch(fault);
});

test("an aborted signal stops the start, and a task before it is sent", async () => {
	const aborted = AbortSignal.abort();
	expect(await faultOf(start("time.sleep(60)", { signal: aborted }))).toMatch(/^interrupted: /);
	await using worker = (await start("hello(); hear()")).worker;
	expect(await faultOf(worker.run(task, { onProgress() {}, signal: aborted }))).toMatch(/^interrupted: /);
});
