/**
 * Which instances a round may learn from, and which judge it. Strictly by commit date: everything up to `trainUntil` may be trained on,
 * everything after it and up to `testUntil` is the test set, of the candidates and of what is served. All instances of a commit fall on one side.
 */
export interface Split {
	readonly trainUntil: string;
	readonly testUntil: string;
}

export type Plan =
	| { readonly kind: "round"; readonly split: Split }
	| { readonly kind: "nothing"; readonly why: string }
	/** Something landed, but too little to judge a new model by. */
	| { readonly kind: "collecting"; readonly landed: number; readonly needed: number };

/**
 * @param dates commit dates of all instances, oldest first (ISO 8601, UTC)
 * @param trainedUntil end of the last round's test set, which may be trained on now; null before the first round
 * @param heldOut how many instances a decision needs
 */
export function planRound(dates: readonly string[], trainedUntil: string | null, heldOut: number): Plan {
	const testUntil = dates.at(-1);
	if (testUntil === undefined) return { kind: "nothing", why: "no instance was mined" };
	if (trainedUntil === null) {
		// A young repository keeps two thirds of what it has for training. The commit across the border judges, whole.
		const firstJudge = dates[dates.length - Math.max(1, Math.min(heldOut, Math.floor(dates.length / 3)))] ?? testUntil;
		const trainUntil = dates.findLast((date) => date < firstJudge);
		return trainUntil === undefined ? { kind: "collecting", landed: dates.length, needed: heldOut } : { kind: "round", split: { trainUntil, testUntil } };
	}
	const landed = dates.filter((date) => date > trainedUntil).length;
	if (landed === 0) return { kind: "nothing", why: "nothing landed since the last training" };
	if (landed < heldOut) return { kind: "collecting", landed, needed: heldOut };
	return { kind: "round", split: { trainUntil: trainedUntil, testUntil } };
}
