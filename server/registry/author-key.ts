import { readFile } from "node:fs/promises";
import { Fault } from "../core/fault.ts";

/** The secret under which e-mail addresses become author keys (HMAC), or null where none was made yet. */
export async function readAuthorKey(file: string): Promise<Uint8Array | null> {
	let text: string;
	try {
		text = await readFile(file, "utf8");
	} catch (error) {
		if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
		throw new Fault("environment", `the author key file ${file} cannot be read (${error instanceof Error ? error.message : error}): make it readable for you`, {
			cause: error,
		});
	}
	const digits = text.trim();
	if (!/^[0-9a-f]{64}$/.test(digits)) {
		throw new Fault("environment", `the author key file ${file} does not hold 64 hexadecimal digits: restore it from a copy, or delete it and train again`);
	}
	return Uint8Array.from(Buffer.from(digits, "hex"));
}
