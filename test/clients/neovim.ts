import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { z } from "zod";
import { installNeovim } from "./install-neovim.ts";

export interface Scenario {
	/** The language server's command. */
	readonly cmd: readonly string[];
	/** The file's name, which decides its language, and its text. */
	readonly file: string;
	readonly text: string;
	/** Keys in Neovim's notation, typed in normal mode, after which a menu is expected. */
	readonly keys: string;
	/** Folder of the Git repository that the file is put in; a new one without it. */
	readonly workspace?: string;
	/** Variables for Neovim and the server. */
	readonly environment?: NodeJS.ProcessEnv;
	/** Milliseconds that each step may take. */
	readonly patience?: number;
}

const seen = z.union([
	z.strictObject({
		/** The popup menu, as `complete_info()` tells it. */
		items: z.array(z.object({ word: z.string(), abbr: z.string(), menu: z.string(), kind: z.string() })),
		/** The buffer after the first item was accepted and a `!` typed behind it. */
		lines: z.array(z.string()),
	}),
	z.object({ failure: z.string() }).loose(),
]);

const clients = fileURLToPath(new URL("../../clients/", import.meta.url));

/** Opens the file in a Git repository with a real Neovim, set up as its README says, types, and accepts the menu's first item. */
export async function completeInNeovim({ cmd, file, text, keys, workspace, environment, patience = 10_000 }: Scenario) {
	const neovim = await installNeovim();
	const folder = await mkdtemp(join(tmpdir(), "neovim-"));
	const [readme, report] = [await readFile(join(clients, "neovim", "README.md"), "utf8"), join(folder, "report.json")];
	const setup = readme.match(/```lua\n(.*?)```/s)?.[1]?.replace("/path/to/idiolect/clients", clients);
	try {
		const root = workspace ?? folder;
		if (workspace === undefined) await execa("git", ["init", "--quiet"], { cwd: root });
		await writeFile(join(root, file), text);
		const scenario = { setup, cmd, keys, patience, report, file: join(root, file) };
		const driver = fileURLToPath(new URL("./neovim.lua", import.meta.url));
		const places = { XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder, XDG_STATE_HOME: folder, XDG_CACHE_HOME: folder };
		const run = await execa(neovim, ["--clean", "-n", "--headless", "-c", `luafile ${driver}`], {
			cwd: root,
			env: { ...environment, ...places, SCENARIO: JSON.stringify(scenario) },
			timeout: 6 * patience,
			stdin: "ignore",
		});
		const result = seen.parse(JSON.parse(await readFile(report, "utf8")));
		if ("failure" in result) throw new Error(`Neovim: ${JSON.stringify(result)}\n${run.stderr}`);
		return result;
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
