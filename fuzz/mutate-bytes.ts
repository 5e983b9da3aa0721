/** Damage that knows nothing of a format but that it has numbers, offsets, lengths and LEB128. */
import type { Random } from '../test/support/random.js';

export const MAX_INPUT_BYTES = 1 << 18;

/** Where a number is, of a width in bytes. */
export interface Field {
  readonly offset: number;
  readonly widthBytes: number;
}

const EXTREMES: readonly bigint[] = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_fff0n,
  0xffff_ffffn,
  1n << 32n,
  (1n << 53n) - 1n,
  1n << 53n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
];

/** A number that a reader may stumble over in a file of that size. */
export function extremeNumber(random: Random, sizeBytes: number): bigint {
  if (random.below(3) > 0) return random.of(EXTREMES) ?? 0n;
  return BigInt(Math.max(0, sizeBytes + random.below(17) - 8));
}

export function readNumber(bytes: Uint8Array, { offset, widthBytes }: Field): bigint {
  let value = 0n;
  for (let i = widthBytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[offset + i] ?? 0);
  return value;
}

export function writeNumber(bytes: Uint8Array, { offset, widthBytes }: Field, value: bigint): void {
  for (let i = 0; i < widthBytes && offset + i < bytes.length; i++) {
    bytes[offset + i] = Number(BigInt.asUintN(64, value) >> BigInt(8 * i)) & 0xff;
  }
}

/** Sets a field to an extreme, or moves it by a little: an offset that is off by one. */
export function damageField(bytes: Uint8Array, field: Field, random: Random): void {
  const value =
    random.below(2) === 0
      ? extremeNumber(random, bytes.length)
      : readNumber(bytes, field) + BigInt(random.below(2 * 64 + 1) - 64);
  writeNumber(bytes, field, value);
}

/** Overwrites with a LEB128 number: short or long, ended or not. */
function damageLeb128(bytes: Uint8Array, at: number, random: Random): void {
  const length = 1 + random.below(random.below(4) === 0 ? 12 : 5);
  const filler = random.of([0x80, 0xff, 0x81]);
  for (let i = 0; i < length && at + i < bytes.length; i++) bytes[at + i] = filler;
  if (at + length < bytes.length) bytes[at + length] = random.of([0, 1, 0x7f, 0x0f]);
}

function splice(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  const tail = bytes.subarray(Math.min(bytes.length, at + removed));
  const result = new Uint8Array(Math.min(MAX_INPUT_BYTES, at + added.length + tail.length));
  result.set(bytes.subarray(0, at));
  result.set(added.subarray(0, result.length - at), at);
  const left = result.length - at - added.length;
  if (left > 0) result.set(tail.subarray(0, left), at + added.length);
  return result;
}

/** Writes what fits. */
export function overwrite(bytes: Uint8Array, at: number, source: Uint8Array): void {
  if (at < bytes.length) bytes.set(source.subarray(0, bytes.length - at), at);
}

function piece(bytes: Uint8Array, random: Random, most: number): Uint8Array {
  const at = random.below(bytes.length + 1);
  return bytes.subarray(at, at + 1 + random.below(most));
}

/**
 * One change of some bytes.
 * @param bytes changed in place, or copied when the length changes
 * @param range where to, half-open
 */
export function damageBytes(
  bytes: Uint8Array,
  random: Random,
  others: readonly Uint8Array[],
  range: { readonly start: number; readonly end: number } = { start: 0, end: bytes.length },
): Uint8Array {
  const sizeBytes = Math.max(1, Math.min(range.end, bytes.length) - range.start);
  const at = range.start + random.below(sizeBytes);
  switch (random.below(10)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 1:
    case 2:
      bytes[at] = random.below(256);
      return bytes;
    case 3: {
      const widthBytes = random.of([1, 2, 4, 8]);
      // Fields are aligned to their size where they stand in tables.
      const within = Math.floor((at - range.start) / widthBytes) * widthBytes;
      damageField(bytes, { offset: range.start + within, widthBytes }, random);
      return bytes;
    }
    case 4:
      damageField(bytes, { offset: at, widthBytes: random.of([1, 2, 4, 8]) }, random);
      return bytes;
    case 5:
      damageLeb128(bytes, at, random);
      return bytes;
    case 6: {
      const source = piece(random.of(others) ?? bytes, random, 64).slice();
      overwrite(bytes, at, source);
      return bytes;
    }
    case 7:
      return splice(bytes, at, 1 + random.below(32), new Uint8Array(0));
    case 8:
      return splice(bytes, at, 0, piece(random.of(others) ?? bytes, random, 64).slice());
    default:
      if (random.below(4) > 0)
        bytes.fill(random.of([0, 0xff, 0x80]), at, at + 1 + random.below(16));
      else return bytes.slice(0, random.below(bytes.length + 1));
      return bytes;
  }
}

/** One to some changes, mostly few. */
export function changeCount(random: Random): number {
  let count = 1;
  while (count < 12 && random.below(2) === 0) count++;
  return count;
}

export function mutateBytes(
  input: Uint8Array,
  random: Random,
  others: readonly Uint8Array[],
): Uint8Array {
  // A copy, also of a Buffer.
  let bytes: Uint8Array = new Uint8Array(input);
  for (let i = changeCount(random); i > 0; i--) bytes = damageBytes(bytes, random, others);
  return bytes;
}
