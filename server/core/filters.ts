/**
 * What becomes of the model's raw text before anyone sees it: one visible ordered list, the same in evaluation and serving.
 * A filter returns the text to go on with; an empty text means that there is nothing to suggest.
 */
export interface FilterContext {
	readonly suffix: string;
	readonly maxLines: number;
}

type Filter = (text: string, context: FilterContext) => string;

/** A decoder that stops on a limit can stop inside a character. */
const dropHalfCharacter: Filter = (text) => text.replace(/\uFFFD+$/, "");

const cutLines: Filter = (text, { maxLines }) => text.split("\n").slice(0, maxLines).join("\n");

/** A line that already stands below the cursor is not typed again. */
const dropRepeatedNextLine: Filter = (text, { suffix }) => {
	const below = suffix
		.slice(suffix.indexOf("\n") + 1)
		.split("\n")
		.find((line) => line.trim() !== "");
	const lines = text.split("\n");
	const last = lines.at(-1);
	if (below === undefined || suffix.indexOf("\n") < 0 || last === undefined) return text;
	return lines.length > 1 && last.trim() !== "" && last.trim() === below.trim() ? lines.slice(0, -1).join("\n") : text;
};

const trimEnd: Filter = (text) => text.trimEnd();

const dropUndecodable: Filter = (text) => (text.includes("\uFFFD") ? "" : text);

const filters: readonly Filter[] = [dropHalfCharacter, cutLines, dropRepeatedNextLine, trimEnd, dropUndecodable];

export function applyFilters(text: string, context: FilterContext): string {
	return filters.reduce((current, filter) => filter(current, context), text);
}
