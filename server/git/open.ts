import { Fault } from "../core/fault.ts";
import { cliGit } from "./cli.ts";
import { git } from "./command.ts";
import type { Git } from "./git.ts";
import { isomorphicGit } from "./isomorphic.ts";

/** The `git` program where there is one, else the driver that needs none. */
export async function openGit(): Promise<Git> {
	try {
		await git(["--version"], process.cwd());
		return cliGit;
	} catch (error) {
		if (error instanceof Fault && error.code === "environment") return isomorphicGit;
		throw error;
	}
}
