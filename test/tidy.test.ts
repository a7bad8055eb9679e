import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "..");

/** What each part may import of the project besides itself; a part is the longest matching prefix of a file's path. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
	"server/core": [],
	"server/engine": ["server/core"],
	"server/registry": ["server/core"],
	"server/git": ["server/core"],
	"server/lsp": ["server/core"],
	"server/assistant": ["server/core", "server/engine", "server/registry", "server/git"],
	server: ["server/core", "server/engine", "server/registry", "server/git", "server/lsp", "server/assistant"],
	trainer: ["server/core", "server/engine", "server/registry", "server/git", "server/assistant", "server"],
	fixtures: ["server/core"],
	clients: [],
	test: ["server/core", "server/engine", "server/registry", "server/git", "server/lsp", "server/assistant", "server", "trainer", "fixtures"],
};

/** Node modules that reach the outside world: the core has none of them. */
const effects = /^node:(fs|net|http|https|child_process|worker_threads|os|process|timers|dgram|tls)/;

function sources(folder: string): string[] {
	return readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
		.filter((file) => /\.(ts|js)$/.test(file) && !file.includes("node_modules"))
		.map((file) => path.posix.join(folder, file.replaceAll(path.sep, "/")));
}

function importsOf(file: string): string[] {
	const text = readFileSync(path.join(root, file), "utf8");
	return [...text.matchAll(/(?<!\.)\b(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((found) => found[1] ?? "");
}

function partOf(file: string): string {
	const parts = Object.keys(mayImport).filter((part) => file.startsWith(`${part}/`));
	return parts.sort((left, right) => right.length - left.length)[0] ?? "";
}

const files = ["server", "trainer", "clients", "fixtures", "test"].flatMap(sources);

describe("dependencies run one way", () => {
	it.each(files)("%s", (file) => {
		const part = partOf(file);
		const imported = importsOf(file)
			.filter((name) => name.startsWith("."))
			.map((name) => partOf(path.posix.join(path.posix.dirname(file), name)))
			.filter((target) => target !== part);
		const allowed = [...(mayImport[part] ?? []), ...(file.endsWith(".test.ts") ? ["test", "fixtures"] : [])];
		for (const target of imported) expect(allowed, `${file} imports ${target}`).toContain(target);
	});

	it("looks at the whole project", () => {
		expect(files.length).toBeGreaterThan(40);
		expect(new Set(files.map(partOf))).not.toContain("");
	});
});

describe("the core is pure", () => {
	it.each(files.filter((file) => file.startsWith("server/core/") && !file.endsWith(".test.ts")))("%s", (file) => {
		expect(importsOf(file).filter((name) => effects.test(name))).toEqual([]);
		expect(readFileSync(path.join(root, file), "utf8")).not.toMatch(/\bDate\.now|\bperformance\.now|\bprocess\.|\bMath\.random/);
	});
});

describe("package.json", () => {
	it("declares every package that is imported, and serves what the sources import", () => {
		const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
		const declared = new Set([...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)]);
		const packages = files.flatMap(importsOf).filter((name) => /^[@a-z]/.test(name) && !name.startsWith("node:"));
		const names = packages.map((name) =>
			name
				.split("/")
				.slice(0, name.startsWith("@") ? 2 : 1)
				.join("/"),
		);
		expect([...new Set(names)].filter((name) => !declared.has(name))).toEqual([]);
	});
});
