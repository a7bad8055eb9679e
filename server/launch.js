// Starts a command's main module: TypeScript in a checkout, compiled JavaScript in the published package.
// Plain JavaScript, so that a Node too old for the rest still gets here and can hand over or explain itself.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {string} main module path below the package root, without extension */
export async function launch(main) {
	const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
	if (major > 22 || (major === 22 && minor >= 18)) {
		const source = join(root, `${main}.ts`);
		await import(pathToFileURL(existsSync(source) ? source : join(root, "dist", `${main}.js`)).href);
		return;
	}
	const newer = bundledNode();
	if (newer === undefined) {
		process.stderr.write(
			`Node ${process.versions.node} is too old for Idiolect, which needs 22.18 or newer: install a newer Node, or run npm ci in ${root}.\n`,
		);
		process.exitCode = 1;
		return;
	}
	const child = spawn(newer, process.argv.slice(1), { stdio: "inherit" });
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
	child.on("exit", (code, signal) => {
		process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
	});
}

/** The devDependency `node`, present in a checkout. */
function bundledNode() {
	try {
		const manifest = createRequire(import.meta.url).resolve("node/package.json");
		const binary = join(dirname(manifest), JSON.parse(readFileSync(manifest, "utf8")).bin.node);
		return existsSync(binary) ? binary : undefined;
	} catch {
		return undefined;
	}
}
