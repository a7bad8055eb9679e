/**
 * The safetensors format: 8 bytes little-endian header length, a JSON header {name: {dtype, shape, data_offsets}}, then the tensors.
 * Reads whole files into memory: meant for adapters and token files, not for bases.
 */
import { readFile, writeFile } from "node:fs/promises";
import { z } from "zod";

interface Tensor {
	readonly dtype: string;
	readonly shape: readonly number[];
	/** Little-endian, row-major. */
	readonly bytes: Uint8Array;
}

type Tensors = ReadonlyMap<string, Tensor>;

/** Row-major values with their shape; the array's type gives F32, I32 or I64. */
interface NewTensor {
	readonly shape: readonly number[];
	readonly data: Float32Array | Int32Array | BigInt64Array;
}

const Size = z.int().nonnegative();
const Header = z.record(z.string(), z.unknown());
const HeaderEntry = z.object({ dtype: z.string(), shape: z.array(Size), data_offsets: z.tuple([Size, Size]) });

const elementBytes: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2, I32: 4, I64: 8 };

/** Throws an Error that says what is wrong with the file. */
export async function readSafetensors(file: string): Promise<Tensors> {
	const content = await readFile(file);
	if (content.length < 8) throw new Error(`${file} is too short for safetensors`);
	const start = 8 + Number(content.readBigUInt64LE(0));
	if (start > content.length) throw new Error(`${file} ends inside its header`);
	const { __metadata__: _metadata, ...entries } = Header.parse(JSON.parse(content.toString("utf8", 8, start)));
	const tensors = new Map<string, Tensor>();
	for (const [name, raw] of Object.entries(entries)) {
		const { dtype, shape, data_offsets: offsets } = HeaderEntry.parse(raw);
		const bytes = content.subarray(start + offsets[0], start + offsets[1]);
		if (bytes.length !== offsets[1] - offsets[0]) throw new Error(`${file} ends inside ${name}`);
		const size = elementBytes[dtype];
		if (size !== undefined && bytes.length !== count(shape) * size)
			throw new Error(`${name} in ${file} has ${bytes.length} bytes, which its shape does not explain`);
		tensors.set(name, { dtype, shape, bytes });
	}
	return tensors;
}

/** A tensor of any floating-point type, in single precision. */
export function floatTensor(tensors: Tensors, name: string): Float32Array {
	const { dtype, bytes, view } = find(tensors, name);
	switch (dtype) {
		case "F32":
			return Float32Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true));
		case "BF16": {
			// The upper half of a single-precision number.
			const bits = Uint32Array.from({ length: bytes.length / 2 }, (_, index) => view.getUint16(index * 2, true) << 16);
			return new Float32Array(bits.buffer);
		}
		case "F16":
			return Float32Array.from({ length: bytes.length / 2 }, (_, index) => halfToFloat(view.getUint16(index * 2, true)));
		default:
			throw new Error(`${name} is of type ${dtype}, not a floating-point tensor`);
	}
}

/** A tensor of type I32 or I64 whose values fit a JavaScript integer. */
export function integerTensor(tensors: Tensors, name: string): number[] {
	const { dtype, bytes, view } = find(tensors, name);
	switch (dtype) {
		case "I32":
			return Array.from({ length: bytes.length / 4 }, (_, index) => view.getInt32(index * 4, true));
		case "I64":
			return Array.from({ length: bytes.length / 8 }, (_, index) => Number(view.getBigInt64(index * 8, true)));
		default:
			throw new Error(`${name} is of type ${dtype}, not an integer tensor`);
	}
}

export async function writeSafetensors(file: string, tensors: Readonly<Record<string, NewTensor>>): Promise<void> {
	const header: Record<string, z.infer<typeof HeaderEntry>> = {};
	const parts: Uint8Array[] = [];
	let offset = 0;
	for (const [name, { shape, data }] of Object.entries(tensors)) {
		if (count(shape) !== data.length) throw new Error(`${name} holds ${data.length} values, which its shape [${shape.join(", ")}] does not explain`);
		const end = offset + data.byteLength;
		header[name] = { dtype: typeOf(data), shape: [...shape], data_offsets: [offset, end] };
		parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
		offset = end;
	}
	// Padded with spaces, so that the tensors begin at a multiple of 8.
	const text = JSON.stringify(header);
	const encoded = Buffer.from(text + " ".repeat((8 - (Buffer.byteLength(text) % 8)) % 8));
	const length = Buffer.alloc(8);
	length.writeBigUInt64LE(BigInt(encoded.length));
	await writeFile(file, [length, encoded, ...parts]);
}

function find(tensors: Tensors, name: string): { dtype: string; bytes: Uint8Array; view: DataView } {
	const tensor = tensors.get(name);
	if (tensor === undefined) throw new Error(`there is no tensor ${name}`);
	return { dtype: tensor.dtype, bytes: tensor.bytes, view: new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength) };
}

function halfToFloat(half: number): number {
	const sign = half & 0x8000 ? -1 : 1;
	const exponent = (half >> 10) & 0x1f;
	const fraction = half & 0x3ff;
	if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
	return exponent === 0 ? sign * 2 ** -24 * fraction : sign * 2 ** (exponent - 25) * (1024 + fraction);
}

function count(shape: readonly number[]): number {
	return shape.reduce((product, size) => product * size, 1);
}

function typeOf(data: NewTensor["data"]): "F32" | "I32" | "I64" {
	if (data instanceof Float32Array) return "F32";
	return data instanceof Int32Array ? "I32" : "I64";
}
