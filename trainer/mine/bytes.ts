/** Byte streams of Git's output. */

/** The lines of a stream, without their line feeds, as many at a time as came at once. */
export async function* lineBatches(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer[]> {
	let rest: Buffer[] = [];
	for await (const chunk of stream) {
		const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
		const lines: Buffer[] = [];
		let from = 0;
		for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
			const line = bytes.subarray(from, at);
			lines.push(rest.length === 0 ? line : Buffer.concat([...rest, line]));
			rest = [];
			from = at + 1;
		}
		if (from < bytes.length) rest.push(bytes.subarray(from));
		if (lines.length > 0) yield lines;
	}
	if (rest.length > 0) yield [Buffer.concat(rest)];
}

/** The text before byte `end`, at most `limit` bytes of it, from the first whole character on. */
export function textBefore(bytes: Buffer, end: number, limit: number): string {
	let start = Math.max(0, end - limit);
	while (start < end && isContinuation(bytes[start])) start++;
	return bytes.toString("utf8", start, end);
}

/** The text from byte `start` on, at most `limit` bytes of it, up to the last whole character. */
export function textAfter(bytes: Buffer, start: number, limit: number): string {
	let end = Math.min(bytes.length, start + limit);
	while (end > start && isContinuation(bytes[end])) end--;
	return bytes.toString("utf8", start, end);
}

function isContinuation(byte: number | undefined): boolean {
	return byte !== undefined && (byte & 0xc0) === 0x80;
}
