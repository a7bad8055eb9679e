import { startGit } from "../../server/git/command.ts";

/** File contents by object id, from one `git cat-file --batch`. One question at a time. */
export class BlobReader implements AsyncDisposable {
	readonly #process: ReturnType<typeof startGit>;
	readonly #output: AsyncIterator<Uint8Array>;
	#buffered: Buffer = Buffer.alloc(0);

	constructor(folder: string, signal?: AbortSignal) {
		this.#process = startGit(["cat-file", "--batch"], folder, signal);
		this.#output = this.#process.stdout[Symbol.asyncIterator]();
	}

	/** Null when the repository lacks the object, as a partial clone may. */
	async read(blob: string): Promise<Buffer | null> {
		this.#process.stdin.write(`${blob}\n`);
		let lineEnd = this.#buffered.indexOf(10);
		while (lineEnd < 0) {
			await this.#fill(1);
			lineEnd = this.#buffered.indexOf(10);
		}
		const [, type, size] = this.#take(lineEnd + 1)
			.toString("utf8")
			.trim()
			.split(" ");
		if (size === undefined) return null;
		await this.#fill(Number(size) + 1 - this.#buffered.length);
		const content = this.#take(Number(size));
		this.#take(1);
		return type === "blob" ? content : null;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#process.stdin.end();
		this.#process.kill();
		await this.#process;
	}

	async #fill(missing: number): Promise<void> {
		const chunks: Uint8Array[] = [];
		for (let left = missing; left > 0; ) {
			const { value, done } = await this.#output.next();
			if (done) throw new Error("git cat-file ended before its answer", { cause: await this.#process });
			chunks.push(value);
			left -= value.length;
		}
		if (chunks.length > 0) this.#buffered = Buffer.concat([this.#buffered, ...chunks]);
	}

	#take(length: number): Buffer {
		const taken = this.#buffered.subarray(0, length);
		this.#buffered = this.#buffered.subarray(length);
		return taken;
	}
}
