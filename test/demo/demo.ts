/**
 * The main job from end to end: Git history in, two differently completed lines out, on real weights.
 *
 *     npm run demo                     on a scripted repository of three authors with visibly different habits
 *     npm run demo -- --repo ~/code    on a repository of yours
 *
 * Everything lies in .idiolect/demo; an interrupted demo continues, and a finished one goes straight to the two authors.
 */
import { stat } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { buildScriptedRepository } from "../../fixtures/scripted-repository/build.ts";
import { defaultFolders } from "../../server/folders.ts";
import { runCommand } from "./run-command.ts";
import { showTwoAuthors } from "./two-authors.ts";

const { values } = parseArgs({ options: { repo: { type: "string" }, organization: { type: "string", default: "acme" } } });
const home = path.resolve(import.meta.dirname, "../../.idiolect/demo", values.repo === undefined ? "acme" : values.organization);
// Downloads and the worker's environment are shared with everything else; the rest of the demo keeps to its folder.
const environment = { ...process.env, IDIOLECT_HOME: home, IDIOLECT_CACHE: defaultFolders(process.env).cache };
const repository = values.repo === undefined ? path.join(home, "repository") : path.resolve(values.repo);

const say = (text: string): void => {
	process.stderr.write(`\n== ${text}\n`);
};

say("1 of 4: the base model (downloaded and converted the first time)");
await runCommand("trainer", ["base", "add", "qwen2.5-coder-0.5b"], environment);

say(`2 of 4: the repository ${repository}`);
if (values.repo === undefined && (await stat(path.join(repository, ".git")).catch(() => null)) === null)
	await buildScriptedRepository(repository, { commits: 400 });

say("3 of 4: mining, training, judging, publishing (about 8 minutes on two cores)");
// Of the scripted authors, the two with the most instances get an adapter of their own.
const minimumInstances = values.repo === undefined ? "450" : "200";
const sizes = ["--recipe", "demo", "--held-out", "80", "--minimum-instances", minimumInstances, "--no-fetch"];
await runCommand("trainer", ["refresh", "--repo", repository, "--organization", values.organization, ...sizes], environment);

say("4 of 4: the same line, asked by two authors over the language server protocol");
await showTwoAuthors({ home, organization: values.organization, repository, environment });
