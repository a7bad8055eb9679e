/** Credentials in code, by secretlint's recommended rules. */
import { lintSource } from "@secretlint/core";
import { creator } from "@secretlint/secretlint-rule-preset-recommend";

export interface TextRange {
	/** UTF-16 offsets. */
	readonly start: number;
	readonly end: number;
}

const config = { rules: [{ id: "@secretlint/secretlint-rule-preset-recommend", rule: creator }] };

/** Where the whole lines around `range` hold something secret. */
export async function findSecrets(text: string, range: TextRange): Promise<TextRange[]> {
	const start = text.lastIndexOf("\n", range.start - 1) + 1;
	const lineEnd = text.indexOf("\n", range.end);
	const content = text.slice(start, lineEnd < 0 ? text.length : lineEnd);
	const { messages } = await lintSource({
		source: { content, filePath: "source.txt", ext: ".txt", contentType: "text" },
		options: { config, noPhysicFilePath: true, maskSecrets: true },
	});
	return messages.map((message) => ({ start: start + message.range[0], end: start + message.range[1] }));
}
