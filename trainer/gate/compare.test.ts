import { describe, expect, it } from "vitest";
import { compare, mcnemarExact } from "./compare.ts";

describe("exact McNemar test", () => {
	// Two-sided binomial probabilities, summed with exact integers in Python (math.comb).
	it.each([
		[0, 0, 1],
		[1, 0, 1],
		[5, 5, 1],
		[25, 8, 0.004551384132355452],
		[8, 25, 0.004551384132355452],
		[12, 3, 0.03515625],
		[1200, 1000, 2.1817026407914712e-5],
	])("%i won, %i lost", (won, lost, expected) => {
		expect(mcnemarExact(won, lost)).toBeCloseTo(expected, 12);
	});
});

describe("comparison", () => {
	it("counts pairs and gives the difference in points with its interval", () => {
		const outcomes = (right: number, wrong: number): boolean[] => [...Array(right).fill(true), ...Array(wrong).fill(false)];
		const candidate = [...outcomes(111, 0), ...outcomes(25, 0), ...outcomes(0, 8), ...outcomes(0, 156)];
		const reference = [...outcomes(111, 0), ...outcomes(0, 25), ...outcomes(8, 0), ...outcomes(0, 156)];
		const result = compare(candidate, reference);
		expect(result).toMatchObject({ instances: 300, candidate: 136, reference: 119, won: 25, lost: 8 });
		expect(result.difference).toBeCloseTo(17 / 3, 10);
		expect(result.interval[0]).toBeCloseTo(1.84249, 4);
		expect(result.interval[1]).toBeCloseTo(9.41579, 4);
	});

	it("gives two identical stacks a narrow interval around zero", () => {
		const same = Array<boolean>(300).fill(true);
		const { pValue, difference, interval } = compare(same, same);
		expect([pValue, difference]).toEqual([1, 0]);
		expect(interval[0]).toBeGreaterThan(-1);
	});

	it("refuses to pair unequal sets", () => {
		expect(() => compare([true], [])).toThrow("cannot be paired");
	});
});
