import { availableParallelism } from "node:os";
import type { Logger } from "pino";
import { openAssistant } from "../assistant/assistant.ts";
import { defaultFolders } from "../folders.ts";
import { openGit } from "../git/open.ts";
import { readAuthorKey } from "../registry/author-key.ts";
import { openRegistry } from "../registry/registry.ts";

/** More threads than this gain little on the default base and take the editor's own share. */
const maxThreads = 4;

export const engineThreads = (): number => Math.max(1, Math.min(maxThreads, availableParallelism()));

/** Registry, Git and assistant as every command of the server needs them. */
export async function openContext(registryFolder: string | undefined, log: Logger) {
	const folders = defaultFolders(process.env);
	const registry = openRegistry(registryFolder ?? folders.registry);
	const git = await openGit();
	const secret = () => readAuthorKey(folders.authorKey);
	const assistant = openAssistant({ registry, git, secret, threads: engineThreads(), log });
	return { folders, registry, git, secret, assistant };
}
