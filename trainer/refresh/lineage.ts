import type { AdapterManifest } from "../../server/registry/manifest.ts";
import type { Instance } from "../dataset/instance.ts";

/** Where an adapter's training data came from: repositories, commits, authors as keys. Instances oldest first. */
export function describeLineage(instances: readonly Instance[]): AdapterManifest["lineage"] {
	const commits = new Map<string, Set<string>>();
	const newest = new Map<string, string>();
	const authors: Record<string, number> = {};
	for (const { repository, commit, author } of instances) {
		commits.set(repository, (commits.get(repository) ?? new Set()).add(commit));
		newest.set(repository, commit);
		authors[author] = (authors[author] ?? 0) + 1;
	}
	return {
		repositories: [...commits].map(([name, hashes]) => ({ name, commits: hashes.size, newest: newest.get(name) ?? "" })),
		instances: instances.length,
		authors,
		from: instances[0]?.commitDate ?? "",
		to: instances.at(-1)?.commitDate ?? "",
	};
}
