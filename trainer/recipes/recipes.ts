import { readFile } from "node:fs/promises";
import { z } from "zod";
import { Fault } from "../../server/core/fault.ts";
import { Recipe } from "../worker/protocol.ts";

/** How much is learned from, and how. A recipe's sizes decide what a refresh costs. */
const TuningRecipe = z.strictObject({
	name: z.string(),
	/** Tokens of context on either side. */
	window: z.strictObject({ prefix: z.int().positive(), suffix: z.int().nonnegative() }),
	/** The newest so many instances are learned from. */
	organizationInstances: z.int().positive(),
	developerInstances: z.int().positive(),
	organization: Recipe,
	developer: Recipe,
});
export type TuningRecipe = z.infer<typeof TuningRecipe>;

/** A recipe of one's own: only its differences from a named one. */
const RecipeFile = TuningRecipe.omit({ window: true, organization: true, developer: true })
	.extend({ extends: z.string(), window: TuningRecipe.shape.window.partial(), organization: Recipe.partial(), developer: Recipe.partial() })
	.partial()
	.required({ name: true, extends: true })
	.strict();

const organization: Recipe = {
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
};

// Little data on top of a tuned model: half the rate, so that the organization's habits are not unlearned.
const developer: Recipe = { ...organization, rank: 8, alpha: 16, learningRate: 1e-4 };

const recipes: readonly TuningRecipe[] = [
	{
		name: "demo",
		window: { prefix: 80, suffix: 32 },
		organizationInstances: 128,
		developerInstances: 48,
		organization: { ...organization, learningRate: 4e-4 },
		developer: { ...developer, learningRate: 4e-4 },
	},
	{ name: "small", window: { prefix: 160, suffix: 48 }, organizationInstances: 512, developerInstances: 192, organization, developer },
	{
		name: "large",
		window: { prefix: 160, suffix: 48 },
		organizationInstances: 1_000_000,
		developerInstances: 100_000,
		organization: { ...organization, epochs: 2, batch: 32, microBatch: 32 },
		developer: { ...developer, epochs: 2, batch: 16, microBatch: 16 },
	},
];

export const recipeNames: readonly string[] = recipes.map(({ name }) => name);

/** A recipe by name, or from a JSON file that names the one it `extends` and what differs. */
export async function findRecipe(nameOrFile: string): Promise<TuningRecipe> {
	const named = recipes.find((recipe) => recipe.name === nameOrFile);
	if (named !== undefined) return named;
	const text = await readFile(nameOrFile, "utf8").catch((cause: unknown) => {
		throw new Fault("usage", `there is no recipe ${nameOrFile}: choose one of ${recipeNames.join(", ")}, or name a JSON file that extends one`, { cause });
	});
	try {
		const file = RecipeFile.parse(JSON.parse(text));
		const parent = recipes.find((recipe) => recipe.name === file.extends);
		if (parent === undefined) throw new Error(`it extends ${file.extends}, which is none of ${recipeNames.join(", ")}`);
		const { extends: _extends, window, organization: organizationChanges, developer: developerChanges, ...sizes } = file;
		return TuningRecipe.parse({
			...parent,
			...sizes,
			window: { ...parent.window, ...window },
			organization: { ...parent.organization, ...organizationChanges },
			developer: { ...parent.developer, ...developerChanges },
		});
	} catch (cause) {
		const why = cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll("\n", " ") : cause instanceof Error ? cause.message : cause;
		throw new Fault("usage", `the recipe ${nameOrFile} cannot be used (${why}): correct it, or choose one of ${recipeNames.join(", ")}`, { cause });
	}
}
