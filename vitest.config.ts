import { defineConfig } from "vitest/config";

export default defineConfig({
	test: {
		include: ["server/**/*.test.ts", "trainer/**/*.test.ts", "test/**/*.test.ts"],
		testTimeout: 30_000,
		hookTimeout: 120_000,
		// Two cores: more workers only make timings worse.
		maxWorkers: 2,
	},
});
