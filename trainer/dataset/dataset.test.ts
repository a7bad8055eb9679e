import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Dataset, openDataset } from "./dataset.ts";
import type { Instance } from "./instance.ts";

let folder: string;
let dataset: Dataset;

beforeEach(async () => {
	folder = join(await mkdtemp(join(tmpdir(), "idiolect-dataset-")), "it's a dataset");
	dataset = await openDataset(folder);
});

afterEach(async () => {
	dataset[Symbol.dispose]();
	await rm(join(folder, ".."), { recursive: true });
});

/** The n-th instance of a synthetic history: one per hour, authors in turn, two to a commit. */
function instance(n: number, changes: Partial<Instance> = {}): Instance {
	const date = new Date(Date.UTC(2025, 0, 1, n)).toISOString();
	return {
		id: String(n).padStart(64, "0"),
		organization: "acme",
		repository: "github.com/acme/shop",
		commit: String(Math.floor(n / 2)).padStart(40, "0"),
		path: `src/File${n}.java`,
		language: "java",
		author: ["ada", "bruno", "chiyo"][n % 3] ?? "",
		authorDate: date,
		commitDate: date,
		blob: String(n).padStart(40, "b"),
		holeStart: 10 + n,
		holeEnd: 30 + n,
		prefix: `class File${n} {\n\tvoid run() {\n\t\tint größe = `,
		suffix: "\n\t}\n}\n",
		target: `count(${n});`,
		targetTokens: 5,
		scopeStart: 5,
		scopeEnd: 60 + n,
		...changes,
	};
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
	const items: T[] = [];
	for await (const item of source) items.push(item);
	return items;
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => instance(from + index));
const numbers = (entries: readonly { id: string }[]) => entries.map(({ id }) => Number(id));

test("what is appended comes back whole, oldest first, whatever the order and the number of appends", async () => {
	expect(await dataset.append(range(200, 300).reverse())).toBe(100);
	expect(await dataset.append(range(0, 200))).toBe(200);
	expect(await collect(dataset.select())).toEqual(range(0, 300));
	expect(numbers(await dataset.timeline())).toEqual(numbers(range(0, 300)));
	expect(await dataset.count()).toBe(300);
	using reopened = await openDataset(folder);
	expect(await reopened.count()).toBe(300);
});

test("more rows than one file holds", async () => {
	expect(await dataset.append(range(0, 4_100))).toBe(4_100);
	const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".parquet"));
	expect(files).toHaveLength(3);
	expect(await dataset.count()).toBe(4_100);
	expect(numbers(await collect(dataset.select({ newest: 2 })))).toEqual([4_098, 4_099]);
});

const cut = instance(50).commitDate;

test.each([
	["an author", { author: "ada" }, [0, 3, 6, 9], 34],
	["up to a date", { until: cut }, [0, 1, 2, 3], 51],
	["after a date", { after: cut }, [51, 52, 53, 54], 49],
	["the newest", { newest: 3 }, [97, 98, 99], 3],
	["an author's newest up to a date", { author: "bruno", until: cut, newest: 2 }, [46, 49], 2],
	["a sample, the same every time", { after: cut, sample: 2 }, [51, 52], 2],
	["nothing but what there is", { sample: 1_000 }, [0, 1, 2, 3], 100],
	["another organization", { organization: "umbrella" }, [], 0],
])("selects %s", async (_, selection, first, count) => {
	await dataset.append(range(0, 100));
	const found = await collect(dataset.select(selection));
	expect(numbers(found).slice(0, 4)).toEqual(first);
	expect(found).toHaveLength(count);
	expect(numbers(await dataset.timeline(selection))).toEqual(numbers(found));
	expect(await dataset.count(selection)).toBe(count);
});

test("equal dates are ordered by id, and stay on one side of a date", async () => {
	const commitDate = instance(0).commitDate;
	await dataset.append([5, 1, 4, 2, 3].map((n) => instance(n, { commitDate })));
	expect(numbers(await dataset.timeline())).toEqual([1, 2, 3, 4, 5]);
	expect(await dataset.count({ until: commitDate })).toBe(5);
	expect(await dataset.count({ after: commitDate })).toBe(0);
});

test("counts authors, the most prolific first", async () => {
	await dataset.append(range(0, 7));
	expect(await dataset.authors()).toEqual([
		{ author: "ada", instances: 3 },
		{ author: "bruno", instances: 2 },
		{ author: "chiyo", instances: 2 },
	]);
	expect(await dataset.authors({ until: instance(1).commitDate })).toEqual([
		{ author: "ada", instances: 1 },
		{ author: "bruno", instances: 1 },
	]);
});

test("of several copies the earliest stands for all, across repositories, white space and where the hole starts", async () => {
	const { prefix, target } = instance(10);
	const copies = [
		instance(40, { repository: "github.com/acme/bank", prefix, target }),
		instance(41, { repository: "github.com/acme/bank", prefix: prefix.replaceAll("\t", "    "), target }),
		instance(42, { prefix: `${prefix}count`, target: target.slice("count".length) }),
	];
	await dataset.append([...copies, instance(10), instance(11)]);
	expect(numbers(await dataset.timeline())).toEqual([10, 11]);
	// Behind the cut there are copies only, and they belong before it.
	expect(await dataset.count({ after: cut, organization: "acme" })).toBe(0);
	await dataset.append([instance(43, { organization: "umbrella", prefix, target })]);
	expect(numbers(await dataset.timeline({ organization: "umbrella" }))).toEqual([43]);
});

test("the same instances appended twice count once", async () => {
	await dataset.append(range(0, 10));
	await dataset.append(range(0, 10));
	expect(await dataset.count()).toBe(10);
	expect(await collect(dataset.select())).toEqual(range(0, 10));
});

test("drops the commits of one repository, or all of them", async () => {
	await dataset.append(range(0, 10));
	await dataset.append([instance(10), instance(11, { repository: "github.com/acme/bank" })]);
	expect(await dataset.dropCommits("github.com/acme/shop", [instance(2).commit, instance(10).commit, "unknown"])).toBe(3);
	expect(numbers(await dataset.timeline())).toEqual([0, 1, 4, 5, 6, 7, 8, 9, 11]);
	expect(await dataset.dropCommits("github.com/acme/shop", "all")).toBe(8);
	expect(numbers(await dataset.timeline())).toEqual([11]);
	expect(await dataset.dropCommits("github.com/acme/bank", "all")).toBe(1);
	expect(await dataset.count()).toBe(0);
	expect(await dataset.append([instance(1)])).toBe(1);
});

test("an append that fails half-way leaves nothing behind", async () => {
	await dataset.append(range(0, 5));
	async function* failing() {
		yield* range(5, 2_500);
		throw new Error("the source broke");
	}
	await expect(dataset.append(failing())).rejects.toThrow("the source broke");
	expect(await dataset.count()).toBe(5);
	expect(await readdir(folder)).toHaveLength(1);
	expect(await dataset.append(range(5, 8))).toBe(3);
});

test("an append that a crash cut short is not seen", async () => {
	await dataset.append(range(0, 5));
	await mkdir(join(folder, ".1-half"));
	await writeFile(join(folder, ".1-half", "000000.parquet"), "PAR1");
	expect(await dataset.count()).toBe(5);
});

test("an empty dataset answers, and appending nothing keeps it empty", async () => {
	expect(await dataset.append([])).toBe(0);
	expect(await readdir(folder)).toEqual([]);
	expect(await dataset.count()).toBe(0);
	expect(await dataset.timeline()).toEqual([]);
	expect(await dataset.authors()).toEqual([]);
	expect(await collect(dataset.select())).toEqual([]);
});

test("a damaged file is a Fault that says what to do", async () => {
	await dataset.append(range(0, 5));
	const [name = ""] = await readdir(folder);
	await writeFile(join(folder, name, "000000.parquet"), "damaged");
	for (const ask of [() => dataset.count(), () => collect(dataset.select())]) {
		await expect(ask()).rejects.toMatchObject({ name: "Fault", code: "data", message: expect.stringMatching(/mine its repositories again/) });
	}
});
