/**
 * A list of frame descriptions with the code they cover: a count, then for each piece of code, the
 * one at the lowest address first, where it starts, where it ends, and where its description is,
 * all in words of the machine. `frameSearch` of a machine searches such a list by halves.
 */
import { type Addr, type AddrRange, addr } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';

export interface CoveredRange extends AddrRange {
  readonly description: Addr;
}

const WORD_BYTES = 8;
const ENTRY_BYTES = 3 * WORD_BYTES;

export function frameIndexBytes(count: number): number {
  return WORD_BYTES + count * ENTRY_BYTES;
}

export function encodeFrameIndex(
  ranges: readonly CoveredRange[],
  littleEndian: boolean,
): Uint8Array {
  const bytes = new Uint8Array(frameIndexBytes(ranges.length));
  const view = new DataView(bytes.buffer);
  const sorted = ranges.toSorted((a, b) => a.start - b.start);
  const words = [
    sorted.length,
    ...sorted.flatMap(({ start, end, description }) => [start, end, description]),
  ];
  words.forEach((word, i) => {
    view.setBigUint64(i * WORD_BYTES, BigInt(word), littleEndian);
  });
  return bytes;
}

/** How many entries follow the first word of an index. */
export function frameIndexCount(start: Uint8Array, littleEndian: boolean): number {
  return new ByteReader(start, littleEndian, 'frame index').size64();
}

/** @throws HcrError `malformed-file` when the bytes are no index */
export function decodeFrameIndex(bytes: Uint8Array, littleEndian: boolean): CoveredRange[] {
  const reader = new ByteReader(bytes, littleEndian, 'frame index');
  const count = reader.size64();
  if (count * ENTRY_BYTES > reader.remaining) reader.fail(`${count} entries`);
  return Array.from({ length: count }, () => ({
    start: addr(reader.size64()),
    end: addr(reader.size64()),
    description: addr(reader.size64()),
  }));
}
