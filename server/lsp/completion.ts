import { type CompletionList, type CompletionParams, CompletionTriggerKind } from "vscode-languageserver/node";
import { menuItem } from "./items.ts";
import { ask, type Session } from "./session.ts";

/**
 * The places after which the rest of the line is worth asking for. Clients that complete while a word is typed do so anyway;
 * Neovim asks at these characters only. A space is among them for `return `, `= ` and `new `.
 */
export const triggerCharacters: string[] = [".", "(", ",", "=", " "];

export const emptyList: CompletionList = { isIncomplete: true, items: [] };

/** `textDocument/completion`: at most one item, and never slow, because some clients wait for all servers before they show anything. */
export async function completion(session: Session, params: CompletionParams, cancelled: AbortSignal): Promise<CompletionList> {
	const { textDocument, position, context } = params;
	if (context?.triggerKind === CompletionTriggerKind.TriggerCharacter && context.triggerCharacter === " " && indents(session, params)) return emptyList;
	const asked = await ask(session, {
		uri: textDocument.uri,
		position,
		maxLines: session.client.snippets ? 3 : 1,
		cancelled,
		deadline: session.menuDeadline,
	});
	const item = asked && menuItem(asked.answer, asked.cursor, asked.language, session.client);
	// Incomplete: a longer prefix deserves a new answer.
	return item === null ? emptyList : { isIncomplete: true, items: [item] };
}

/** A space typed as indentation is no question. */
function indents(session: Session, { textDocument, position }: CompletionParams): boolean {
	const line = session.documents.get(textDocument.uri)?.getText({ start: { line: position.line, character: 0 }, end: position });
	return line?.trim() === "";
}
