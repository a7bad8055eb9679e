import type { Logger } from "pino";
import type { Position, TextDocuments } from "vscode-languageserver/node";
import type { TextDocument } from "vscode-languageserver-textdocument";
import type { Answer, Assistant, Typist } from "../core/assistant.ts";
import { Fault } from "../core/fault.ts";
import type { Client } from "./client.ts";
import { folderOf } from "./folders.ts";
import type { Newest } from "./newest.ts";
import { type Cursor, cursorAt } from "./positions.ts";
import type { Settings } from "./settings.ts";

/** What the requests of one connected editor share. */
export interface Session {
	readonly assistant: Assistant;
	readonly documents: TextDocuments<TextDocument>;
	readonly newest: Newest<Answer>;
	readonly client: Client;
	readonly settings: Settings;
	/** URIs; changes with the editor's workspace. */
	readonly workspaceFolders: readonly string[];
	/** Milliseconds that a menu may wait for its answer. */
	readonly menuDeadline: number;
	readonly report: (error: unknown) => void;
}

interface Wish {
	readonly uri: string;
	readonly position: Position;
	readonly maxLines: number;
	readonly cancelled: AbortSignal;
	readonly deadline?: number;
}

/** Asks the assistant about a place in an open document. Faults are reported and answered with null. */
export async function ask(session: Session, wish: Wish): Promise<{ answer: Answer; cursor: Cursor; language: string } | null> {
	const document = session.documents.get(wish.uri);
	const cursor = document && cursorAt(document, wish.position);
	if (document === undefined || cursor === undefined) return null;
	const { prefix, suffix } = cursor;
	const language = document.languageId;
	const start = async (signal: AbortSignal): Promise<Answer | null> => {
		try {
			return await session.assistant.answer({ typist: typistOf(session, wish.uri), prefix, suffix, language, maxLines: wish.maxLines }, signal);
		} catch (error) {
			session.report(error);
			return null;
		}
	};
	const answer = await session.newest.ask({
		document: wish.uri,
		place: `${wish.position.line}:${wish.position.character} ${wish.maxLines}`,
		start,
		cancelled: wish.cancelled,
		...(wish.deadline === undefined ? {} : { deadline: wish.deadline }),
	});
	return answer && { answer, cursor, language };
}

export function typistOf(session: Session, uri: string): Typist {
	return { folder: folderOf(uri, session.workspaceFolders), ...session.settings };
}

/** Logs each distinct message once, and shows those that the user can do something about. */
export function reporter(log: Logger, show: (message: string) => void): (error: unknown) => void {
	const known = new Set<string>();
	return (error) => {
		const message = error instanceof Error ? error.message : String(error);
		if (known.has(message) || (error instanceof Fault && error.code === "interrupted")) return;
		known.add(message);
		if (error instanceof Fault) {
			log.warn({ code: error.code }, message);
			show(message);
		} else {
			log.error({ err: error }, "a defect in the language server");
		}
	};
}
