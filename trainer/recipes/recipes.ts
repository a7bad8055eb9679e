import { Fault } from "../../server/core/fault.ts";
import type { WindowSize } from "../../server/core/window.ts";
import type { Recipe } from "../worker/protocol.ts";

/** How much is learned from, and how. A recipe's sizes decide what a refresh costs. */
export interface TuningRecipe {
	readonly name: string;
	readonly window: WindowSize;
	/** The newest so many instances are learned from. */
	readonly organizationInstances: number;
	readonly developerInstances: number;
	readonly organization: Recipe;
	readonly developer: Recipe;
}

const small: TuningRecipe = {
	name: "small",
	window: { prefix: 160, suffix: 48 },
	organizationInstances: 512,
	developerInstances: 192,
	organization: {
		rank: 16,
		alpha: 32,
		dropout: 0.05,
		learningRate: 2e-4,
		warmup: 0.1,
		epochs: 1,
		batch: 8,
		microBatch: 8,
		checkpointSeconds: 60,
		seed: 1,
	},
	// Little data on top of a tuned model: half the rate, so that the organization's habits are not unlearned.
	get developer() {
		return { ...this.organization, rank: 8, alpha: 16, learningRate: 1e-4 };
	},
};

const recipes: readonly TuningRecipe[] = [
	{
		...small,
		name: "demo",
		window: { prefix: 80, suffix: 32 },
		organizationInstances: 240,
		developerInstances: 96,
		organization: { ...small.organization, learningRate: 4e-4 },
		developer: { ...small.developer, learningRate: 4e-4 },
	},
	small,
	{
		...small,
		name: "large",
		organizationInstances: 1_000_000,
		developerInstances: 100_000,
		organization: { ...small.organization, epochs: 2, batch: 32, microBatch: 32 },
		developer: { ...small.developer, epochs: 2, batch: 16, microBatch: 16 },
	},
];

export const recipeNames: readonly string[] = recipes.map(({ name }) => name);

export function findRecipe(name: string): TuningRecipe {
	const found = recipes.find((recipe) => recipe.name === name);
	if (found === undefined) throw new Fault("usage", `unknown recipe ${name}: choose one of ${recipeNames.join(", ")}`);
	return found;
}
