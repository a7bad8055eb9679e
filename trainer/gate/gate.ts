import type { Comparison, GateDecision } from "../../server/registry/manifest.ts";
import { compare } from "./compare.ts";

const gateLimits = {
	/** Level of the one test a promotion rests on: candidate against base. */
	significance: 0.05,
	/** A refresh may be this many points worse than what is served, at the 95 % lower bound, so that fresh code can flow in. */
	margin: 2,
} as const;

/** Exact-match outcomes on the same held-out instances, in the same order. */
export interface Outcomes {
	readonly candidate: readonly boolean[];
	readonly base: readonly boolean[];
	/** What answers these developers today; null when nothing but the base does. */
	readonly served: readonly boolean[] | null;
	/** The organization candidate under a developer candidate; null for an organization candidate. */
	readonly parent: readonly boolean[] | null;
}

/**
 * Promote or refuse. First promotion: significantly better than the base. Refresh: that still, and not worse than what is served
 * beyond the margin. A developer adapter must also be at least as good as its organization's, or the organization's serves.
 */
export function decide(outcomes: Outcomes): GateDecision {
	const base = compare(outcomes.candidate, outcomes.base);
	const served = outcomes.served === null ? null : compare(outcomes.candidate, outcomes.served);
	const parent = outcomes.parent === null ? null : compare(outcomes.candidate, outcomes.parent);
	const refusal = whyRefuse(base, served, parent);
	const accepted = served === null ? "" : `, and at worst ${points(-Math.min(0, served.interval[0]))} below what is served`;
	return {
		decision: refusal === null ? "promote" : "refuse",
		reason: refusal ?? `${points(base.difference)} better than the base (p = ${base.pValue.toPrecision(2)})${accepted}`,
		base,
		served,
		parent,
	};
}

function whyRefuse(base: Comparison, served: Comparison | null, parent: Comparison | null): string | null {
	if (base.instances === 0) return "there is no held-out instance to judge by";
	if (base.difference <= 0 || base.pValue >= gateLimits.significance) {
		return `not significantly better than the base (${points(base.difference)}, p = ${base.pValue.toPrecision(2)}, ${base.instances} instances)`;
	}
	if (parent !== null && parent.difference < 0) return `${points(-parent.difference)} worse than its organization adapter alone`;
	if (served !== null && served.interval[0] < -gateLimits.margin) {
		return `may be ${points(-served.interval[0])} worse than what is served (95 % lower bound; ${points(gateLimits.margin)} are allowed)`;
	}
	return null;
}

function points(value: number): string {
	return `${value.toFixed(1)} points`;
}
