import { describe, expect, it } from "vitest";
import { decide } from "./gate.ts";

/** Outcomes that agree with `candidate` but for the first `won` wrong and the first `lost` right ones. */
function reference(candidate: readonly boolean[], won: number, lost: number): boolean[] {
	let flippedRight = won;
	let flippedWrong = lost;
	return candidate.map((right) => {
		if (right && flippedRight-- > 0) return false;
		if (!right && flippedWrong-- > 0) return true;
		return right;
	});
}

const candidate = Array.from({ length: 300 }, (_, index) => index % 2 === 0);

describe("gate", () => {
	it.each([
		{ name: "first promotion, better", base: [30, 5], served: null, parent: null, decision: "promote", reason: "better than the base" },
		{ name: "first promotion, not significant", base: [10, 5], served: null, parent: null, decision: "refuse", reason: "not significantly better" },
		{ name: "significantly worse", base: [5, 30], served: null, parent: null, decision: "refuse", reason: "not significantly better" },
		{ name: "refresh, same as served", base: [30, 5], served: [0, 0], parent: null, decision: "promote", reason: "below what is served" },
		{ name: "refresh, no longer better than the base", base: [6, 5], served: [0, 0], parent: null, decision: "refuse", reason: "not significantly better" },
		{ name: "refresh, possibly much worse than served", base: [30, 5], served: [5, 12], parent: null, decision: "refuse", reason: "may be" },
		{ name: "developer, better than the organization", base: [30, 5], served: null, parent: [4, 2], decision: "promote", reason: "better" },
		{ name: "developer, worse than the organization", base: [30, 5], served: null, parent: [2, 4], decision: "refuse", reason: "worse than its organization" },
	])("$name", ({ base, served, parent, decision, reason }) => {
		const against = (pair: number[] | null): boolean[] | null => (pair === null ? null : reference(candidate, pair[0] ?? 0, pair[1] ?? 0));
		const verdict = decide({ candidate, base: against(base) ?? [], served: against(served), parent: against(parent) });
		expect(verdict.decision).toBe(decision);
		expect(verdict.reason).toContain(reason);
	});

	it("decides nothing without instances", () => {
		expect(decide({ candidate: [], base: [], served: null, parent: null })).toMatchObject({
			decision: "refuse",
			reason: expect.stringContaining("no held-out"),
		});
	});
});
