import { ErrorCodes, type ExecuteCommandParams, LSPErrorCodes, ResponseError } from "vscode-languageserver/node";
import type { Source } from "../core/assistant.ts";
import { Fault } from "../core/fault.ts";
import { type Session, typistOf } from "./session.ts";

export const whyCommand = "idiolect.why";

/** `workspace/executeCommand` of `idiolect.why` with a document's URI: which model would answer there, and why. */
export async function why(session: Session, params: ExecuteCommandParams): Promise<Source | ResponseError> {
	const uri: unknown = params.arguments?.[0];
	if (params.command !== whyCommand || typeof uri !== "string") {
		return new ResponseError(ErrorCodes.InvalidParams, `the only command is ${whyCommand} with the URI of a document as its argument`);
	}
	try {
		return await session.assistant.source(typistOf(session, uri));
	} catch (error) {
		if (error instanceof Fault) return new ResponseError(LSPErrorCodes.RequestFailed, error.message);
		throw error;
	}
}
