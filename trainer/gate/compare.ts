import type { Comparison } from "../../server/registry/manifest.ts";

/** Paired exact-match outcomes of two stacks on the same held-out instances. */
export function compare(candidate: readonly boolean[], reference: readonly boolean[]): Comparison {
	if (candidate.length !== reference.length) throw new Error(`${candidate.length} outcomes cannot be paired with ${reference.length}`);
	const instances = candidate.length;
	const won = candidate.filter((right, index) => right && reference[index] === false).length;
	const lost = candidate.filter((right, index) => !right && reference[index] === true).length;
	return {
		instances,
		candidate: candidate.filter(Boolean).length,
		reference: reference.filter(Boolean).length,
		won,
		lost,
		pValue: mcnemarExact(won, lost),
		difference: instances === 0 ? 0 : (100 * (won - lost)) / instances,
		interval: differenceInterval(won, lost, instances),
	};
}

/** Exact two-sided McNemar test: a binomial test of the discordant pairs against one half. */
export function mcnemarExact(won: number, lost: number): number {
	const pairs = won + lost;
	if (pairs === 0) return 1;
	// Sum of binomial probabilities from the smaller tail, in logarithms so that thousands of pairs do not underflow.
	let logTerm = -pairs * Math.LN2;
	let tail = Math.exp(logTerm);
	for (let k = 1; k <= Math.min(won, lost); k++) {
		logTerm += Math.log(pairs - k + 1) - Math.log(k);
		tail += Math.exp(logTerm);
	}
	return Math.min(1, 2 * tail);
}

/**
 * 95 % interval of the difference of two paired proportions, in points: Bonett and Price's adjusted Wald interval
 * (doi:10.3102/1076998611411915), which keeps its level with few discordant pairs, where the plain Wald interval does not.
 */
function differenceInterval(won: number, lost: number, instances: number): [number, number] {
	const p = (won + 1) / (instances + 2);
	const q = (lost + 1) / (instances + 2);
	const half = 1.959964 * Math.sqrt((p + q - (p - q) ** 2) / (instances + 2));
	return [100 * Math.max(-1, p - q - half), 100 * Math.min(1, p - q + half)];
}
