import { mkdir } from "node:fs/promises";
import path from "node:path";
import lockfile from "proper-lockfile";
import { Fault } from "../../server/core/fault.ts";
import { sweepStaging } from "./durable.ts";

/** Proof that the single-writer lock of a registry is held: whatever writes to a registry asks for it. */
export interface PublishLock {
	readonly registry: string;
	/** Throws a Fault when the lock was lost, as after the machine slept. Asked right before anything becomes visible. */
	assertHeld(): void;
}

// A holder that was killed stops renewing and is succeeded after `stale`; who still finds it held after `patience` faces a live one.
const stale = 5000;
const patience = { retries: 36, factor: 1, minTimeout: 250, maxTimeout: 250 };

export async function withPublishLock<T>(registry: string, publish: (lock: PublishLock) => Promise<T>): Promise<T> {
	let lost = false;
	try {
		await mkdir(registry, { recursive: true });
		const release = await lockfile.lock(registry, {
			lockfilePath: path.join(registry, ".lock"),
			stale,
			update: 1000,
			retries: patience,
			onCompromised: () => {
				lost = true;
			},
		});
		try {
			await sweepStaging(registry);
			return await publish({
				registry,
				assertHeld() {
					if (lost) throw new Fault("registry", `the lock of the registry ${registry} was lost while publishing (was this machine asleep?): publish again`);
				},
			});
		} finally {
			if (!lost) await release();
		}
	} catch (error) {
		throw asFault(registry, error);
	}
}

function asFault(registry: string, error: unknown): unknown {
	if (!(error instanceof Error) || !("code" in error) || error instanceof Fault) return error;
	switch (error.code) {
		case "ELOCKED":
			return new Fault("registry", `another process is publishing to the registry ${registry}: wait for it to end and publish again`, { cause: error });
		case "ENOSPC":
		case "EDQUOT":
			return new Fault("environment", `no space is left for the registry ${registry}, and nothing in it was changed: free some and publish again`, {
				cause: error,
			});
		case "EACCES":
		case "EPERM":
		case "EROFS":
			return new Fault(
				"registry",
				`the registry ${registry} cannot be written to (${error.code}): ask its owner for write access, or name another with --registry`,
				{
					cause: error,
				},
			);
		default:
			return error;
	}
}
