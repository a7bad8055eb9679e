import { Fault } from "../../server/core/fault.ts";
import { authorKey, parseIdent } from "../../server/core/identity.ts";
import { withPublishLock } from "../publish/lock.ts";
import { rollBack } from "../publish/promote.ts";
import { type CommonOptions, openContext, printJson } from "./context.ts";

export interface RollBackOptions extends CommonOptions {
	readonly organization: string;
	readonly author?: string;
}

export async function rollBackOnce({ organization, author, ...common }: RollBackOptions): Promise<void> {
	const context = openContext(common);
	const key = author === undefined ? undefined : keyOf(author, await context.secret());
	const { from, to } = await withPublishLock(context.registry.folder, (lock) => rollBack(lock, { organization, ...(key !== undefined && { author: key }) }));
	if (common.json) printJson({ from, to });
	else process.stdout.write(`${from} is no longer served; ${to ?? "the model underneath"} is, from the next request on\n`);
}

function keyOf(author: string, secret: Uint8Array): string {
	const email = parseIdent(author)?.email ?? "";
	if (email === "") throw new Fault("usage", `--author is "${author}": write it as "Name <address>"`);
	return authorKey(email, secret);
}
