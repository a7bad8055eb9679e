/** What is new in a repository since it was last mined, also when its history was rewritten in between. */
import { Fault } from "../../server/core/fault.ts";
import { git } from "../../server/git/command.ts";

export interface History {
	/** Hash of the newest commit: the next watermark. */
	readonly head: string;
	/** Mine what `head` reaches and this commit does not; null for the whole history. */
	readonly since: string | null;
	/** Commits mined before that are no longer part of the history: their instances are void. "all" when nothing of it is left. */
	readonly vanished: readonly string[] | "all";
}

/**
 * @param ref what has landed: HEAD, or a remote's branch
 * @param watermark the `head` of the run before, if there was one
 */
export async function readHistory(folder: string, ref: string, watermark: string | null, signal?: AbortSignal): Promise<History> {
	const head = await readHead(folder, ref, signal);
	if (watermark === null) return { head, since: null, vanished: [] };
	const base = await git(["merge-base", watermark, head], folder, signal);
	// Not known here any more, or without a common ancestor: another history under the same name.
	if (base.exitCode !== 0) return { head, since: null, vanished: "all" };
	const since = base.stdout.trim();
	if (since === watermark) return { head, since, vanished: [] };
	const { stdout } = await git(["rev-list", watermark, "--not", head], folder, signal);
	return { head, since, vanished: stdout.split("\n").filter((line) => line !== "") };
}

async function readHead(folder: string, ref: string, signal?: AbortSignal): Promise<string> {
	const repository = await git(["rev-parse", "--git-dir"], folder, signal);
	if (repository.exitCode !== 0) throw unreadable(folder, repository.stderr);
	const { exitCode, stdout } = await git(["rev-parse", "--verify", "--quiet", `${ref}^{commit}`], folder, signal);
	if (exitCode !== 0) throw new Fault("repository", `the repository ${folder} has no commits: commit something there first, or name another one`);
	return stdout.trim();
}

function unreadable(folder: string, complaint: string): Fault {
	if (complaint.includes("dubious ownership")) {
		return new Fault("repository", `Git refuses to read ${folder}, which belongs to another user: run git config --global --add safe.directory ${folder}`);
	}
	return new Fault("repository", `${folder} is not a Git repository: name the folder of a clone`);
}
