/** The trainer's end of the worker protocol: one Python process, one task at a time. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { Fault } from "../../server/core/fault.ts";
import { parseJson } from "../../server/registry/parse-json.ts";
import type { OnProgress } from "../progress.ts";
import type { WorkerEnvironment } from "./environment.ts";
import { FromWorker, protocolVersion, type ToWorker } from "./protocol.ts";

type Task = Exclude<ToWorker, { type: "cancel" }>;
/** What the worker answers to each task. */
const resultTypes = { import: "imported", convert: "converted", parity: "parity", tune: "tuned" } as const;
type Result<T extends Task> = Extract<FromWorker, { type: (typeof resultTypes)[T["type"]] }>;
type Hello = Extract<FromWorker, { type: "hello" }>;

export interface Worker extends AsyncDisposable {
	/** Device, Python and PyTorch version. */
	readonly hello: Hello;
	/** Resolves to the task's result. An aborted signal lets the worker leave a checkpoint, then throws a Fault "interrupted". */
	run<T extends Task>(task: T, options: { readonly onProgress: OnProgress; readonly signal: AbortSignal }): Promise<Result<T>>;
}

interface Start extends WorkerEnvironment {
	/** Each line that the worker writes to stderr. */
	readonly onLog: (line: string) => void;
	readonly signal: AbortSignal;
	/** How long a worker may take to come up, and to obey. */
	readonly patience?: { readonly hello: number; readonly cancel: number };
}

// Importing PyTorch from a cold disk takes tens of seconds.
const defaultPatience = { hello: 180_000, cancel: 60_000 };

export async function startWorker({ python, source, onLog, signal, patience = defaultPatience }: Start): Promise<Worker> {
	const process = execa(python, ["-m", "idiolect_worker"], {
		// Threads that spin while they wait cost a machine that does anything else far more than they gain.
		env: { PYTHONPATH: source, PYTHONUNBUFFERED: "1", OMP_WAIT_POLICY: "PASSIVE" },
		buffer: false,
		reject: false,
	});
	process.stdin.on("error", () => {}); // it died: the end of its output says so
	const tail: string[] = [];
	const log = createInterface({ input: process.stderr }).on("line", (line) => {
		if (line.trim() !== "") tail.push(line.trim());
		if (tail.length > 5) tail.shift();
		onLog(line);
	});
	const logEnd = once(log, "close");
	const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
	const send = (message: ToWorker) => process.stdin.write(`${JSON.stringify(message)}\n`);
	const kill = () => process.kill("SIGKILL");

	/** The next message, or null when the worker has ended. One that makes no sense is the worker's last. */
	const receive = async (): Promise<FromWorker | null> => {
		const line = await lines.next();
		if (line.done) return null;
		const parsed = parseJson(line.value, FromWorker);
		if ("value" in parsed) return parsed.value;
		kill();
		const start = JSON.stringify(line.value.slice(0, 80));
		throw new Fault("worker", `the worker sent ${start}, which is no message (${parsed.problem}): install idiolect again, so that both halves match`);
	};

	const ended = async (): Promise<Fault> => {
		const [{ exitCode, signal: killedBy, originalMessage }] = await Promise.all([process, logEnd]);
		const how = killedBy
			? `was killed by ${killedBy}`
			: exitCode === undefined
				? `could not be started (${originalMessage})`
				: `ended with exit status ${exitCode}`;
		const said = tail.length > 0 ? ` after saying: ${tail.join(" / ")};` : ":";
		return new Fault("worker", `the worker (${python}) ${how}${said} run the same command again to continue`);
	};

	const greet = async (): Promise<Hello> => {
		const message = await receive();
		if (message === null) throw await ended();
		if (message.type === "hello" && message.protocol === protocolVersion) return message;
		const spoken = message.type === "hello" ? `speaks protocol ${message.protocol}` : `greeted with "${message.type}"`;
		throw new Fault("worker", `the worker ${spoken} instead of protocol ${protocolVersion}: install idiolect again, so that both halves match`);
	};

	let hello: Hello;
	try {
		hello = await within(greet(), patience.hello, signal, python);
	} catch (error) {
		kill();
		throw error;
	}

	return {
		hello,
		async run(task, { onProgress, signal }) {
			if (signal.aborted) throw interrupted();
			let late: NodeJS.Timeout | undefined;
			const cancel = () => {
				send({ type: "cancel" });
				late = setTimeout(kill, patience.cancel);
			};
			signal.addEventListener("abort", cancel, { once: true });
			send(task);
			try {
				for (;;) {
					const message = await receive();
					if (message === null) throw signal.aborted ? interrupted() : await ended();
					if (isResult(message, task)) return message;
					if (message.type === "cancelled" && signal.aborted) throw interrupted();
					if (message.type === "failed") {
						throw new Fault("worker", `the worker could not ${task.type}: ${message.message}`);
					}
					if (message.type !== "progress") {
						kill();
						throw new Fault("worker", `the worker answered ${task.type} with "${message.type}": install idiolect again, so that both halves match`);
					}
					const { done, total, loss } = message;
					onProgress(loss === null ? { done, total } : { done, total, detail: `loss ${loss.toFixed(3)}` });
				}
			} finally {
				signal.removeEventListener("abort", cancel);
				clearTimeout(late);
			}
		},
		async [Symbol.asyncDispose]() {
			process.stdin.end();
			const late = setTimeout(kill, patience.cancel);
			await process;
			clearTimeout(late);
		},
	};
}

function isResult<T extends Task>(message: FromWorker, task: T): message is Result<T> {
	return message.type === resultTypes[task.type];
}

function interrupted(): Fault {
	return new Fault("interrupted", "the worker was stopped on request: run the same command again to continue");
}

async function within(greeting: Promise<Hello>, milliseconds: number, signal: AbortSignal, python: string): Promise<Hello> {
	const { promise, reject } = Promise.withResolvers<never>();
	const late = setTimeout(() => {
		reject(
			new Fault(
				"worker",
				`the worker (${python}) did not answer within ${milliseconds / 1000} s of its start: see whether this machine is overloaded, and run again`,
			),
		);
	}, milliseconds);
	const stop = () => reject(interrupted());
	signal.addEventListener("abort", stop, { once: true });
	if (signal.aborted) stop();
	try {
		return await Promise.race([greeting, promise]);
	} finally {
		clearTimeout(late);
		signal.removeEventListener("abort", stop);
	}
}
