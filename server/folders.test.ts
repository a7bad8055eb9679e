import path from "node:path";
import { expect, test } from "vitest";
import { defaultFolders } from "./folders.ts";

const root = path.resolve("/somewhere");

test.each([
	{ name: "home moves everything", environment: { IDIOLECT_HOME: root }, registry: path.join(root, "registry"), inside: true },
	{ name: "registry alone", environment: { IDIOLECT_REGISTRY: root }, registry: root, inside: false },
	{
		name: "registry wins over home",
		environment: { IDIOLECT_HOME: root, IDIOLECT_REGISTRY: path.join(root, "r") },
		registry: path.join(root, "r"),
		inside: true,
	},
	{ name: "empty variables count as unset", environment: { IDIOLECT_HOME: "", IDIOLECT_REGISTRY: "" }, registry: null, inside: false },
])("$name", ({ environment, registry, inside }) => {
	const folders = defaultFolders(environment);
	if (registry !== null) expect(folders.registry).toBe(registry);
	expect(path.basename(folders.authorKey)).toBe("author.key");
	for (const folder of [folders.cache, folders.trainer, folders.authorKey]) {
		expect(path.isAbsolute(folder)).toBe(true);
		expect(folder.startsWith(root + path.sep)).toBe(inside);
	}
});

test("without variables each thing lies in a folder of its own, named after the project", () => {
	const folders = defaultFolders({});
	for (const folder of Object.values(folders)) expect(folder).toContain(`${path.sep}idiolect`);
	expect(new Set(Object.values(folders)).size).toBe(4);
});
