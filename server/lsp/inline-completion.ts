import type { InlineCompletionItem, InlineCompletionParams } from "vscode-languageserver/node";
import { inlineItem } from "./items.ts";
import { ask, type Session } from "./session.ts";

/** `textDocument/inlineCompletion`: one item of at most three lines, or null. */
export async function inlineCompletion(session: Session, params: InlineCompletionParams, cancelled: AbortSignal): Promise<InlineCompletionItem[] | null> {
	const asked = await ask(session, { uri: params.textDocument.uri, position: params.position, maxLines: 3, cancelled });
	return asked && [inlineItem(asked.answer, asked.cursor)];
}
