import { PassThrough } from "node:stream";
import { WriteStream } from "node:tty";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openProgress, type Progress } from "./progress.ts";

beforeEach(() => {
	vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
	vi.useRealTimers();
});

/** Shows one step per entry, `wait` seconds after the one before, and returns what was written. */
function run(
	steps: readonly (Progress & { wait: number })[],
	{ terminal = false, silent = false, unit }: { terminal?: boolean; silent?: boolean; unit?: "bytes" },
): string {
	let written = "";
	const sink = new PassThrough();
	sink.on("data", (chunk) => {
		written += chunk;
	});
	const stream = Object.assign(Object.create(WriteStream.prototype), { isTTY: terminal, write: sink.write.bind(sink), columns: 120 });
	{
		using display = openProgress(stream, { silent });
		const show = display.begin("working", unit);
		for (const { wait, ...progress } of steps) {
			vi.advanceTimersByTime(wait * 1000);
			show(progress);
		}
	}
	return written;
}

test.each([
	{
		name: "first and last always",
		steps: [
			{ wait: 0, done: 0, total: 2 },
			{ wait: 1, done: 1, total: 2 },
			{ wait: 1, done: 2, total: 2 },
		],
		expected: ["working 0 of 2", "working 2 of 2"],
	},
	{
		name: "one line in ten seconds, with the time left and the detail",
		steps: [1, 2, 3, 4, 5].map((done) => ({ wait: 6, done, total: 100, detail: `loss ${done}` })),
		expected: ["working 1 of 100, loss 1", "working 3 of 100, loss 3, 10 min left", "working 5 of 100, loss 5, 10 min left"],
	},
	{
		name: "a resumed part does not count as speed",
		steps: [
			{ wait: 0, done: 90, total: 100 },
			{ wait: 20, done: 91, total: 100 },
		],
		expected: ["working 90 of 100", "working 91 of 100, 3 min left"],
	},
	{ name: "bytes in megabytes", unit: "bytes" as const, steps: [{ wait: 0, done: 1_500_000, total: 491_400_064 }], expected: ["working 1.5 MB of 491.4 MB"] },
	{
		name: "total unknown",
		steps: [
			{ wait: 0, done: 1, total: 0 },
			{ wait: 11, done: 5, total: 0 },
		],
		expected: ["working 1", "working 5"],
	},
])("without a terminal: $name", ({ steps, unit, expected }) => {
	expect(run(steps, unit === undefined ? {} : { unit })).toBe(expected.map((line) => `${line}\n`).join(""));
});

test("on a terminal it draws a bar", () => {
	const written = run([{ wait: 0, done: 1, total: 4, detail: "loss 2" }], { terminal: true });
	expect(written).toContain("working ######------------------ 25 % 1 of 4 loss 2");
});

test("silent is silent, on a terminal too", () => {
	expect(run([{ wait: 0, done: 1, total: 1 }], { terminal: true, silent: true })).toBe("");
});
