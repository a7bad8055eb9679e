import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The innermost workspace folder that holds the document; a document outside of all of them answers for its own folder. */
export function folderOf(documentUri: string, workspaceFolders: readonly string[]): string {
	const file = pathOf(documentUri);
	const folders = workspaceFolders.flatMap((uri) => pathOf(uri) ?? []);
	// A document without a file (untitled:) belongs to the workspace it was made in.
	if (file === undefined) return folders[0] ?? process.cwd();
	const holders = folders.filter((folder) => holds(folder, file)).sort((a, b) => b.length - a.length);
	return holders[0] ?? dirname(file);
}

function holds(folder: string, file: string): boolean {
	return file.startsWith(folder) && (/[/\\]$/.test(folder) || /^[/\\]/.test(file.slice(folder.length)));
}

function pathOf(uri: string): string | undefined {
	try {
		return fileURLToPath(uri);
	} catch {
		return undefined;
	}
}
