import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { floatTensor, integerTensor, readSafetensors, writeSafetensors } from "./safetensors.ts";

const folder = await mkdtemp(path.join(tmpdir(), "safetensors-"));
let files = 0;

async function fileOf(content: Uint8Array): Promise<string> {
	const file = path.join(folder, `${files++}.safetensors`);
	await writeFile(file, content);
	return file;
}

/** A safetensors file written by hand. */
async function handWritten(header: unknown, body: Uint8Array): Promise<string> {
	const text = Buffer.from(JSON.stringify(header));
	const length = Buffer.alloc(8);
	length.writeBigUInt64LE(BigInt(text.length));
	return await fileOf(Buffer.concat([length, text, body]));
}

test.each([
	{ dtype: "F32", bytes: [0, 0, 128, 63, 0, 0, 32, 192], expected: [1, -2.5] },
	{ dtype: "BF16", bytes: [128, 63, 32, 192], expected: [1, -2.5] },
	{ dtype: "F16", bytes: [0, 60, 0, 193], expected: [1, -2.5] },
	{ dtype: "F16", bytes: [1, 0, 0, 124], expected: [2 ** -24, Number.POSITIVE_INFINITY] },
	{ dtype: "F16", bytes: [255, 123, 0, 128], expected: [65504, -0] },
])("reads $dtype $expected", async ({ dtype, bytes, expected }) => {
	const header = { __metadata__: { format: "pt" }, x: { dtype, shape: [2], data_offsets: [0, bytes.length] } };
	const tensors = await readSafetensors(await handWritten(header, Uint8Array.from(bytes)));
	expect([...tensors.keys()]).toEqual(["x"]);
	expect([...floatTensor(tensors, "x")]).toEqual(expected);
});

test("returns what it wrote, tensors aligned to 8 bytes", async () => {
	const file = path.join(folder, "written.safetensors");
	await writeSafetensors(file, {
		weights: { shape: [2, 2], data: Float32Array.of(0.5, -1, 3, 0) },
		ids: { shape: [3], data: Int32Array.of(1, -2, 151_935) },
		starts: { shape: [2], data: BigInt64Array.of(0n, 2n ** 40n) },
		empty: { shape: [0], data: new Int32Array() },
	});
	const tensors = await readSafetensors(file);
	expect([...floatTensor(tensors, "weights")]).toEqual([0.5, -1, 3, 0]);
	expect(tensors.get("weights")?.shape).toEqual([2, 2]);
	expect(integerTensor(tensors, "ids")).toEqual([1, -2, 151_935]);
	expect(integerTensor(tensors, "starts")).toEqual([0, 2 ** 40]);
	expect(integerTensor(tensors, "empty")).toEqual([]);
	expect(Number((await readFile(file)).readBigUInt64LE(0)) % 8).toBe(0);
});

test.each([
	{ name: "empty file", file: () => fileOf(new Uint8Array()), message: "too short" },
	{ name: "header cut", file: () => fileOf(new Uint8Array(8).fill(1)), message: "ends inside its header" },
	{ name: "tensor cut", file: () => handWritten({ x: { dtype: "F32", shape: [2], data_offsets: [0, 8] } }, new Uint8Array(4)), message: "ends inside x" },
	{ name: "shape wrong", file: () => handWritten({ x: { dtype: "F32", shape: [3], data_offsets: [0, 8] } }, new Uint8Array(8)), message: "does not explain" },
	{ name: "offsets missing", file: () => handWritten({ x: { dtype: "F32", shape: [3] } }, new Uint8Array(8)), message: "data_offsets" },
])("refuses: $name", async ({ file, message }) => {
	await expect(readSafetensors(await file())).rejects.toThrow(message);
});

test("names the tensor that is absent or of another type", async () => {
	const file = path.join(folder, "types.safetensors");
	await writeSafetensors(file, { ids: { shape: [1], data: Int32Array.of(1) } });
	const tensors = await readSafetensors(file);
	expect(() => floatTensor(tensors, "ids")).toThrow("ids is of type I32");
	expect(() => floatTensor(tensors, "other")).toThrow("no tensor other");
	await expect(writeSafetensors(file, { ids: { shape: [2], data: Int32Array.of(1) } })).rejects.toThrow("holds 1 values");
});
