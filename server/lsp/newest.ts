/**
 * One generation per document: a newer question aborts the older one, whose askers get null at once.
 * The same question asked twice (a menu and an inline request at one keystroke) shares one generation.
 */
export interface Newest<T> {
	/** Null when there is no answer, or none for this asker any more: superseded, cancelled, or past its deadline. */
	ask(question: Question<T>): Promise<T | null>;
	/** Aborts what runs for a document that changed or was closed. */
	drop(document: string): void;
	/** Aborts everything. */
	stop(): void;
}

interface Question<T> {
	readonly document: string;
	/** Equal for questions that have the same answer as long as the document does not change. */
	readonly place: string;
	/** Must not reject. */
	readonly start: (signal: AbortSignal) => Promise<T | null>;
	/** The asker no longer wants it; the generation ends when nobody does. */
	readonly cancelled: AbortSignal;
	/** Milliseconds after which the asker stops waiting; the generation goes on, and its answer waits for the next equal question. */
	readonly deadline?: number;
}

interface Generation<T> {
	readonly place: string;
	readonly controller: AbortController;
	readonly answer: Promise<T | null>;
	askers: number;
}

export function newestWins<T>(): Newest<T> {
	const generations = new Map<string, Generation<T>>();

	const drop = (document: string): void => {
		generations.get(document)?.controller.abort();
		generations.delete(document);
	};

	const begin = ({ document, place, start }: Question<T>): Generation<T> => {
		drop(document);
		const controller = new AbortController();
		const generation = { place, controller, answer: Promise.race([start(controller.signal), aborted(controller.signal)]), askers: 0 };
		generations.set(document, generation);
		return generation;
	};

	const ask = async (question: Question<T>): Promise<T | null> => {
		if (question.cancelled.aborted) return null;
		const current = generations.get(question.document);
		const generation = current?.place === question.place ? current : begin(question);
		const forget = (): void => {
			if (generations.get(question.document) === generation) generations.delete(question.document);
		};
		const leave = (): void => {
			generation.askers -= 1;
			if (generation.askers > 0) return;
			generation.controller.abort();
			forget();
		};
		generation.askers += 1;
		question.cancelled.addEventListener("abort", leave, { once: true });
		const patience = question.deadline === undefined ? new AbortController().signal : AbortSignal.timeout(question.deadline);
		const taken = generation.answer.then((answer) => {
			if (!patience.aborted) forget();
			return answer;
		});
		const answer = await Promise.race([taken, aborted(question.cancelled), aborted(patience)]);
		question.cancelled.removeEventListener("abort", leave);
		return answer;
	};

	const stop = (): void => {
		for (const document of [...generations.keys()]) drop(document);
	};

	return { ask, drop, stop };
}

function aborted(signal: AbortSignal): Promise<null> {
	return new Promise((resolve) => {
		if (signal.aborted) resolve(null);
		signal.addEventListener("abort", () => resolve(null), { once: true });
	});
}
