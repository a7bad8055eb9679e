import { createProgram, examples, runProgram } from "./command-line.ts";
import { type CompleteOptions, completeOnce } from "./commands/complete.ts";
import { type DoctorOptions, doctor } from "./commands/doctor.ts";
import { type ServeOptions, serveStdio } from "./commands/serve.ts";

const program = createProgram("idiolect", "Code completion in your organization's dialect and your own idiolect.");

program
	.command("serve")
	.description("Start the language server for one editor.")
	.option("--stdio", "speak the language server protocol over standard input and output (the default)")
	.option("--registry <folder>", "registry with the models (default: IDIOLECT_REGISTRY, or the user's data folder)")
	.option("--log-file <file>", "log there instead of to standard error")
	.option("--log-level <level>", "trace, debug, info, warn, error or silent", "info")
	.addHelpText("after", examples("idiolect serve --stdio", "idiolect serve --stdio --log-file /tmp/idiolect.log --log-level debug"))
	.action((options: ServeOptions) => serveStdio(options));

program
	.command("complete")
	.description("Complete once at a place in a file, as an editor would be answered.")
	.requiredOption("--file <file>", "file to complete in")
	.requiredOption("--line <n>", "zero-based line of the cursor")
	.requiredOption("--character <n>", "zero-based UTF-16 character of the cursor")
	.option("--author <ident>", "`Name <address>` in place of Git's author")
	.option("--organization <name>", "organization in place of the remote's")
	.option("--registry <folder>", "registry with the models")
	.option("--json", "print one JSON document")
	.addHelpText(
		"after",
		examples(
			"idiolect complete --file src/Main.java --line 12 --character 8",
			'idiolect complete --file a.py --line 3 --character 4 --author "Ada <ada@acme.example>" --json',
		),
	)
	.action((options: CompleteOptions) => completeOnce(options));

program
	.command("doctor")
	.description("Say what is found and missing, who types here, and which model would answer and why.")
	.option("--dir <folder>", "folder to ask about", ".")
	.option("--author <ident>", "`Name <address>` in place of Git's author")
	.option("--registry <folder>", "registry with the models")
	.option("--json", "print one JSON document")
	.addHelpText("after", examples("idiolect doctor", "idiolect doctor --dir ~/code/project --json"))
	.action(async (options: DoctorOptions) => {
		if (!(await doctor(options))) process.exitCode = 1;
	});

await runProgram(program);
