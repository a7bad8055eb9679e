import { describe, expect, it } from "vitest";
import { planRound } from "./split.ts";

/** Day n of a year as a commit date. */
const day = (n: number): string => new Date(Date.UTC(2025, 0, n)).toISOString();
const days = (count: number): string[] => Array.from({ length: count }, (_, index) => day(index + 1));

describe("plan of a round", () => {
	it.each([
		{ name: "no instances", dates: [], trained: null, heldOut: 10, plan: { kind: "nothing" } },
		{ name: "first round", dates: days(100), trained: null, heldOut: 10, plan: { kind: "round", split: { trainUntil: day(90), testUntil: day(100) } } },
		{
			name: "first round, young repository",
			dates: days(9),
			trained: null,
			heldOut: 10,
			plan: { kind: "round", split: { trainUntil: day(6), testUntil: day(9) } },
		},
		{ name: "one commit only", dates: [day(1), day(1), day(1)], trained: null, heldOut: 10, plan: { kind: "collecting", landed: 3, needed: 10 } },
		{
			name: "a commit across the border stays whole, in the test set",
			dates: [...days(5), day(6), day(6), day(6), day(7)],
			trained: null,
			heldOut: 2,
			plan: { kind: "round", split: { trainUntil: day(5), testUntil: day(7) } },
		},
		{ name: "nothing landed", dates: days(100), trained: day(100), heldOut: 10, plan: { kind: "nothing" } },
		{ name: "too little landed", dates: days(105), trained: day(100), heldOut: 10, plan: { kind: "collecting", landed: 5, needed: 10 } },
		{ name: "refresh", dates: days(120), trained: day(100), heldOut: 10, plan: { kind: "round", split: { trainUntil: day(100), testUntil: day(120) } } },
	])("$name", ({ dates, trained, heldOut, plan }) => {
		expect(planRound(dates, trained, heldOut)).toMatchObject(plan);
	});
});
