import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { newestWins } from "./newest.ts";

/** A generation that ends when the test says so. */
function generation() {
	const { promise, resolve } = Promise.withResolvers<string | null>();
	const state = { started: 0, aborted: false };
	const start = (signal: AbortSignal): Promise<string | null> => {
		state.started += 1;
		signal.addEventListener("abort", () => {
			state.aborted = true;
		});
		return promise;
	};
	return { start, state, finish: resolve };
}

const never = new AbortController().signal;

test("a newer question of the same document aborts the older one, which is answered at once", async () => {
	const newest = newestWins<string>();
	const [first, second] = [generation(), generation()];
	const asked = [
		newest.ask({ document: "a", place: "1", start: first.start, cancelled: never }),
		newest.ask({ document: "a", place: "2", start: second.start, cancelled: never }),
	];
	expect(await asked[0]).toBeNull();
	expect([first.state.aborted, second.state.aborted]).toEqual([true, false]);
	second.finish("two");
	expect(await asked[1]).toBe("two");
});

test("documents do not disturb each other", async () => {
	const newest = newestWins<string>();
	const [first, second] = [generation(), generation()];
	const asked = [
		newest.ask({ document: "a", place: "1", start: first.start, cancelled: never }),
		newest.ask({ document: "b", place: "1", start: second.start, cancelled: never }),
	];
	first.finish("one");
	second.finish("two");
	expect(await Promise.all(asked)).toEqual(["one", "two"]);
});

test("the same question shares one generation, which ends when its last asker cancels", async () => {
	const newest = newestWins<string>();
	const { start, state } = generation();
	const [menu, inline] = [new AbortController(), new AbortController()];
	const asked = [menu, inline].map(({ signal }) => newest.ask({ document: "a", place: "1", start, cancelled: signal }));
	menu.abort();
	expect(await asked[0]).toBeNull();
	expect(state).toEqual({ started: 1, aborted: false });
	inline.abort();
	expect(await asked[1]).toBeNull();
	expect(state.aborted).toBe(true);
});

test("past its deadline an asker gets null, and the late answer waits for the next equal question, once", async () => {
	const newest = newestWins<string>();
	const { start, state, finish } = generation();
	const question = { document: "a", place: "1", start, cancelled: never };
	expect(await newest.ask({ ...question, deadline: 10 })).toBeNull();
	expect(state.aborted).toBe(false);
	finish("late");
	await sleep(1);
	expect(await newest.ask({ ...question, deadline: 1000 })).toBe("late");
	expect(state.started).toBe(1);
	expect(await newest.ask(question)).toBe("late");
	expect(state.started).toBe(2);
});

test("a changed document and the end of the server abort what runs", async () => {
	const newest = newestWins<string>();
	const [first, second] = [generation(), generation()];
	const changed = newest.ask({ document: "a", place: "1", start: first.start, cancelled: never });
	newest.drop("a");
	expect(await changed).toBeNull();
	const stopped = newest.ask({ document: "a", place: "1", start: second.start, cancelled: never });
	newest.stop();
	expect(await stopped).toBeNull();
	expect([first.state.aborted, second.state.aborted]).toEqual([true, true]);
});

test("a question cancelled before it was asked starts nothing", async () => {
	const { start, state } = generation();
	expect(await newestWins<string>().ask({ document: "a", place: "1", start, cancelled: AbortSignal.abort() })).toBeNull();
	expect(state.started).toBe(0);
});
