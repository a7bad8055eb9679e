/** The worker thread's end of the onnx driver: decodes one request after another. Its other end is onnx.ts. */
import { parentPort, workerData } from "node:worker_threads";
import { Fault, type FaultCode } from "../core/fault.ts";
import { OnnxModel, type OnnxModelOptions } from "./onnx-model.ts";

export interface ThreadData {
	readonly model: OnnxModelOptions;
	/** One Int32: 1 while the model is loaded or a request decoded, else 0. */
	readonly busy: Int32Array;
}

export interface ThreadRequest {
	readonly id: number;
	readonly prompt: readonly number[];
	readonly folders: readonly string[];
	readonly maxTokens: number;
	readonly endTokens: readonly number[];
	/** One Int32: anything but 0 stops the request between two steps. */
	readonly stop: SharedArrayBuffer;
}

export type ThreadReply =
	| { readonly kind: "ready" }
	| { readonly kind: "token"; readonly id: number; readonly token: number; readonly logProbability: number }
	| { readonly kind: "finished"; readonly id: number; readonly finish: "end" | "length" | "aborted" }
	/** `id` is null when the model itself cannot be loaded. */
	| { readonly kind: "failed"; readonly id: number | null; readonly code: FaultCode; readonly message: string };

const port = parentPort;
if (port === null) throw new Error("onnx-thread.ts runs in a worker thread only");
const reply = (message: ThreadReply): void => port.postMessage(message);
const fail = (id: number | null, error: unknown): void => {
	reply({ kind: "failed", id, code: error instanceof Fault ? error.code : "base", message: error instanceof Error ? error.message : String(error) });
};

const { model: options, busy } = workerData as ThreadData;
const setBusy = (value: 0 | 1): void => {
	Atomics.store(busy, 0, value);
	Atomics.notify(busy, 0);
};

async function decode(model: OnnxModel, { id, folders, stop, ...request }: ThreadRequest): Promise<void> {
	const flag = new Int32Array(stop);
	setBusy(1);
	try {
		const finish = await model.decode(
			request,
			folders,
			(token, logProbability) => reply({ kind: "token", id, token, logProbability }),
			() => Atomics.load(flag, 0) !== 0,
		);
		reply({ kind: "finished", id, finish });
	} catch (error) {
		fail(id, error);
	} finally {
		setBusy(0);
	}
}

try {
	const model = await OnnxModel.load(options).finally(() => setBusy(0));
	let queue = Promise.resolve();
	port.on("message", (message: ThreadRequest | "close") => {
		queue = queue.then(async () => {
			if (message !== "close") return decode(model, message);
			await model.release();
			port.close();
		});
	});
	reply({ kind: "ready" });
} catch (error) {
	fail(null, error);
}
