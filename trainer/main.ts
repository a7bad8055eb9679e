import type { Command } from "commander";
import { createProgram, examples, runProgram } from "../server/command-line.ts";
import { type BaseAddOptions, baseAdd, baseList, baseRemove } from "./commands/base.ts";
import { type CommonOptions, interrupted } from "./commands/context.ts";
import { type MineCommandOptions, mineOnce } from "./commands/mine.ts";
import { type RefreshCommandOptions, refreshOnce, watch } from "./commands/refresh.ts";
import { type RollBackOptions, rollBackOnce } from "./commands/rollback.ts";
import { recipeNames } from "./recipes/recipes.ts";

const program = createProgram("idiolect-trainer", "Learn an organization's dialect and its developers' idiolects from Git history.");

function common(command: Command): Command {
	return command
		.option("--registry <folder>", "registry to publish to (default: IDIOLECT_REGISTRY, or the user's data folder)")
		.option("--json", "print one JSON document on standard output, and no progress");
}

const base = program.command("base").description("Add, list or remove base models.");
common(base.command("add <source>"))
	.description("Download a base model of the catalogue, or take a folder of safetensors, and convert it for training and serving.")
	.option("--default", "serve this base from now on, though another is served; adapters of the other are void")
	.addHelpText("after", examples("idiolect-trainer base add qwen2.5-coder-0.5b", "idiolect-trainer base add ./my-qwen2-folder --default"))
	.action((source: string, options: BaseAddOptions) => baseAdd(source, options));
common(base.command("list"))
	.description("List the base models of the registry and of the catalogue.")
	.action((options: CommonOptions) => baseList(options));
common(base.command("remove <digest>"))
	.description("Remove a base model that no served adapter needs.")
	.action((digest: string, options: CommonOptions) => baseRemove(digest, options));

common(program.command("mine"))
	.description("Turn landed commits into masked-line instances.")
	.requiredOption("--repo <folder...>", "clones to mine")
	.requiredOption("--out <folder>", "where the instances go; a second run mines new commits only")
	.option("--organization <name>", "name of the organization", "local")
	.addHelpText("after", examples("idiolect-trainer mine --repo ~/code/commons-io --out ./instances --organization apache"))
	.action((options: MineCommandOptions) => mineOnce(options));

function refreshOptions(command: Command): Command {
	return common(command)
		.requiredOption("--repo <folder...>", "clones of the organization's repositories")
		.requiredOption("--organization <name>", "name of the organization")
		.option("--recipe <name>", `how much to learn from, and how: ${recipeNames.join(", ")}, or a JSON file that extends one`, "small")
		.option("--held-out <n>", "newest instances that judge a new model and are not trained on before the next round", "300")
		.option("--minimum-instances <n>", "a developer with fewer instances gets no adapter", "1000")
		.option("--control-repo <folder...>", "clones of a foreign organization: the same recipe on as many of its instances shows how much of a gain is format")
		.option("--no-fetch", "mine what HEAD points to, without asking the remote");
}

refreshOptions(program.command("refresh"))
	.description("Mine what landed, train, judge, and publish what is better; then exit.")
	.addHelpText(
		"after",
		examples(
			"idiolect-trainer refresh --repo ~/code/commons-lang ~/code/commons-io --organization apache",
			"idiolect-trainer refresh --repo . --organization acme --no-fetch --minimum-instances 200 --json",
		),
	)
	.action((options: RefreshCommandOptions) => refreshOnce(options));

refreshOptions(program.command("watch"))
	.description("Refresh again and again, on a schedule.")
	.requiredOption("--every <expression>", "cron expression, in local time")
	.addHelpText("after", examples('idiolect-trainer watch --every "0 3 * * *" --repo ~/code/commons-io --organization apache'))
	.action((options: RefreshCommandOptions & { every: string }) => watch(options));

common(program.command("rollback"))
	.description("Serve what was served before the current adapter.")
	.requiredOption("--organization <name>", "name of the organization")
	.option("--author <ident>", "`Name <address>` of a developer, for their adapter instead of the organization's")
	.addHelpText(
		"after",
		examples("idiolect-trainer rollback --organization apache", 'idiolect-trainer rollback --organization acme --author "Ada <ada@acme.example>"'),
	)
	.action((options: RollBackOptions) => rollBackOnce(options));

await runProgram(program, interrupted);
