import "./no-telemetry.ts";
import { Worker } from "node:worker_threads";
import type { Decoded, DecodeRequest, Decoder } from "../core/decoder.ts";
import { Fault } from "../core/fault.ts";
import type { OnnxModelOptions } from "./onnx-model.ts";
import type { ThreadData, ThreadReply, ThreadRequest } from "./onnx-thread.ts";

export interface OnnxDecoderOptions extends OnnxModelOptions {
	/** Folder of an adapter, by id. */
	readonly adapterFolder: (id: string) => string;
}

/** Milliseconds: loading the largest base, or a whole chunk of a prompt on it. */
const longestCall = 10_000;

interface Pending {
	readonly request: DecodeRequest;
	readonly stop: Int32Array;
	readonly ids: number[];
	readonly logProbabilities: number[];
	readonly settle: (result: Decoded | Fault) => void;
}

/** Greedy decoding with onnxruntime in a worker thread, so that the calling thread never waits for a step. */
export async function openOnnxDecoder({ adapterFolder, ...model }: OnnxDecoderOptions): Promise<Decoder> {
	const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
	const busy = new Int32Array(new SharedArrayBuffer(4));
	Atomics.store(busy, 0, 1);
	const workerData: ThreadData = { model, busy };
	const worker = new Worker(new URL(`./onnx-thread.${extension}`, import.meta.url), { workerData });
	const pending = new Map<number, Pending>();
	let next = 0;
	let closed = false;

	const settle = (id: number, result: Decoded | Fault): void => {
		const entry = pending.get(id);
		pending.delete(id);
		entry?.settle(result);
	};
	const finish = (id: number, reason: Decoded["finish"]): void => {
		const entry = pending.get(id);
		if (entry !== undefined) settle(id, { ids: entry.ids, logProbabilities: entry.logProbabilities, finish: reason });
	};
	const receive = (reply: Exclude<ThreadReply, { kind: "ready" }>): void => {
		if (reply.kind === "failed") {
			if (reply.id !== null) settle(reply.id, new Fault(reply.code, reply.message));
			return;
		}
		if (reply.kind === "finished") {
			finish(reply.id, reply.finish);
			return;
		}
		const entry = pending.get(reply.id);
		if (entry === undefined) return;
		entry.ids.push(reply.token);
		entry.logProbabilities.push(reply.logProbability);
		if (entry.request.isComplete?.(entry.ids) === true) {
			// The thread may already compute one more token; nobody waits for it.
			Atomics.store(entry.stop, 0, 1);
			finish(reply.id, "complete");
		}
	};

	// onnxruntime aborts the process when a thread is ended inside one of its calls: an exit waits for the one at hand.
	const waitForCall = (): void => {
		for (const { stop } of pending.values()) Atomics.store(stop, 0, 1);
		Atomics.wait(busy, 0, 1, longestCall);
	};
	process.on("exit", waitForCall);
	worker.once("exit", () => process.off("exit", waitForCall));

	await new Promise<void>((resolve, reject) => {
		worker.once("error", reject);
		worker.once("message", (reply: ThreadReply) => {
			if (reply.kind === "ready") resolve();
			else
				reject(
					new Fault(
						"base",
						`the model in ${model.folder} cannot be loaded (${"message" in reply ? reply.message : reply.kind}): add the base again with \`idiolect-trainer base add\``,
					),
				);
		});
	}).finally(() => worker.removeAllListeners("error"));
	worker.on("message", receive);
	const died = (cause: unknown): void => {
		closed = true;
		for (const id of [...pending.keys()]) settle(id, new Fault("base", "the model's thread ended unexpectedly: restart the server", { cause }));
	};
	worker.on("error", died);
	worker.on("exit", died);

	return {
		decode(request, signal) {
			if (closed) return Promise.reject(new Fault("base", "the model is closed"));
			if (signal?.aborted === true) return Promise.resolve({ ids: [], logProbabilities: [], finish: "aborted" });
			const id = next++;
			const stop = new SharedArrayBuffer(4);
			return new Promise<Decoded>((resolve, reject) => {
				const abort = (): void => {
					Atomics.store(entry.stop, 0, 1);
					finish(id, "aborted");
				};
				const entry: Pending = {
					request,
					stop: new Int32Array(stop),
					ids: [],
					logProbabilities: [],
					settle: (result) => {
						signal?.removeEventListener("abort", abort);
						if (result instanceof Fault) reject(result);
						else resolve(result);
					},
				};
				pending.set(id, entry);
				signal?.addEventListener("abort", abort, { once: true });
				const { prompt, maxTokens, endTokens, stack } = request;
				worker.postMessage({ id, prompt, maxTokens, endTokens, stop, folders: stack.adapters.map(adapterFolder) } satisfies ThreadRequest);
			});
		},
		async [Symbol.asyncDispose]() {
			// Requests under way finish: the thread closes after what it was sent before.
			closed = true;
			worker.removeListener("exit", died);
			const exited = new Promise((resolve) => worker.once("exit", resolve));
			worker.postMessage("close");
			await exited;
			for (const id of [...pending.keys()]) finish(id, "aborted");
		},
	};
}
