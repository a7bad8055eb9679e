/**
 * Git without the `git` program, over isomorphic-git. It reads the repository's own configuration and nothing else:
 * identities set globally, by the environment or by includeIf are null, and so is every question about a mailmap.
 */
import fs from "node:fs";
import { realpath } from "node:fs/promises";
import * as isomorphic from "isomorphic-git";
import { formatIdent } from "../core/identity.ts";
import { type Git, originFirst } from "./git.ts";

export const isomorphicGit: Git = {
	async authorIdent(folder) {
		const dir = await findRoot(folder);
		if (dir === null) return null;
		const name = await configured(dir, ["author.name", "user.name"]);
		const email = await configured(dir, ["author.email", "user.email"]);
		return name && email ? formatIdent({ name, email }) : null;
	},

	async checkMailmap() {
		return null;
	},

	async remotes(folder) {
		const dir = await findRoot(folder);
		if (dir === null) return [];
		const remotes = await isomorphic.listRemotes({ fs, dir });
		return remotes
			.map(({ remote, url }) => ({ name: remote, url }))
			.sort(originFirst)
			.map(({ url }) => url);
	},

	async topLevel(folder) {
		return findRoot(folder);
	},
};

async function findRoot(folder: string): Promise<string | null> {
	try {
		return await isomorphic.findRoot({ fs, filepath: await realpath(folder) });
	} catch {
		return null;
	}
}

async function configured(dir: string, keys: readonly string[]): Promise<string | undefined> {
	for (const path of keys) {
		const value: unknown = await isomorphic.getConfig({ fs, dir, path });
		if (typeof value === "string" && value !== "") return value;
	}
	return undefined;
}
