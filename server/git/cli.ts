/** Git by the `git` program: sees all that Git sees (environment, includeIf, mailmap, worktrees). */
import { formatIdent, parseIdent } from "../core/identity.ts";
import { git } from "./command.ts";
import { type Git, originFirst } from "./git.ts";

export const cliGit: Git = {
	async authorIdent(folder, signal) {
		const { exitCode, stdout } = await git(["-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT"], folder, signal);
		const ident = exitCode === 0 ? parseIdent(stdout) : null;
		return ident && formatIdent(ident);
	},

	async checkMailmap(folder, ident, signal) {
		const { exitCode, stdout } = await git(["check-mailmap", "--", ident], folder, signal);
		const mapped = exitCode === 0 ? parseIdent(stdout) : null;
		return mapped && formatIdent(mapped);
	},

	async remotes(folder, signal) {
		const { stdout } = await git(["config", "--null", "--get-regexp", "^remote\\..*\\.url$"], folder, signal);
		const entries = stdout.split("\0").filter((entry) => entry !== "");
		const remotes = entries.map((entry) => {
			const [key = "", url = ""] = entry.split("\n", 2);
			return { name: key.slice("remote.".length, -".url".length), url };
		});
		return remotes.sort(originFirst).map(({ url }) => url);
	},

	async topLevel(folder, signal) {
		const { exitCode, stdout } = await git(["rev-parse", "--show-toplevel"], folder, signal);
		return exitCode === 0 && stdout !== "" ? stdout : null;
	},
};
