import { type ClientCapabilities, MarkupKind } from "vscode-languageserver/node";

/** What an editor can show, out of its capabilities. */
export interface Client {
	readonly snippets: boolean;
	readonly labelDetails: boolean;
	readonly markdown: boolean;
}

export function clientOf(capabilities: ClientCapabilities): Client {
	const item = capabilities.textDocument?.completion?.completionItem;
	return {
		snippets: item?.snippetSupport === true,
		labelDetails: item?.labelDetailsSupport === true,
		markdown: item?.documentationFormat?.includes(MarkupKind.Markdown) === true,
	};
}
