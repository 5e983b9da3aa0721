/**
 * Finds words of memory that point into given ranges.
 *
 * Made once, used on every stack of the target while it stands still: so all that depends on the
 * ranges alone is worked out beforehand, and the search for the bytes that all their addresses have
 * in common runs in native code. A loop over the words in JavaScript would take most of that time.
 */
import { type Addr, type AddrRange, contains } from '../core/address.js';

const WORD_BYTES = 8;
/** More searches than this take longer than the false hits of a shorter pattern. */
const MAX_PATTERNS = 8;

/** The upper bytes that words in a block of addresses have, little-endian. */
interface Pattern {
  readonly bytes: Buffer;
  /** How many lower bytes vary. */
  readonly lowBytes: number;
}

export class WordSearch {
  /** In the order of their addresses; none touches another. */
  private readonly ranges: readonly AddrRange[];
  private readonly patterns: readonly Pattern[];

  constructor(ranges: readonly AddrRange[]) {
    this.ranges = merge(ranges);
    this.patterns = commonBytes(this.ranges);
  }

  /** Whether an address lies in one of the ranges. */
  has(address: number): boolean {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.ranges[middle];
      if (range === undefined) return false;
      if (contains(range, address)) return true;
      if (address < range.start) high = middle;
      else low = middle + 1;
    }
    return false;
  }

  /** The first 8-byte word, at multiples of 8, that lies in one of the ranges. */
  first(memory: Uint8Array): Addr | undefined {
    const bytes = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
    let end = bytes.length;
    let found: Addr | undefined;
    for (const { bytes: pattern, lowBytes } of this.patterns) {
      for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1)) {
        const start = at - lowBytes;
        if (start >= end) break;
        if (start < 0 || start % WORD_BYTES !== 0) continue;
        const word = bytes.readUInt32LE(start + 4) * 2 ** 32 + bytes.readUInt32LE(start);
        if (!this.has(word)) continue;
        [end, found] = [start, word as Addr];
        break;
      }
    }
    return found;
  }
}

function merge(ranges: readonly AddrRange[]): AddrRange[] {
  const merged: AddrRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    if (range.end <= range.start) continue;
    const last = merged.at(-1);
    if (last === undefined || range.start > last.end) merged.push(range);
    else if (range.end > last.end)
      merged[merged.length - 1] = { start: last.start, end: range.end };
  }
  return merged;
}

/** As long as they can be for few of them to cover all ranges. */
function commonBytes(ranges: readonly AddrRange[]): readonly Pattern[] {
  if (ranges.length === 0) return [];
  for (let lowBytes = 1; ; lowBytes++) {
    const blocks = blocksOf(ranges, 256 ** lowBytes);
    if (blocks === undefined) continue;
    return [...blocks].map((block) => {
      const word = Buffer.alloc(WORD_BYTES);
      word.writeBigUInt64LE(BigInt(block));
      return { bytes: word.subarray(0, WORD_BYTES - lowBytes), lowBytes };
    });
  }
}

/** Numbers of the blocks of `unit` bytes that the ranges lie in; undefined when they are many. */
function blocksOf(ranges: readonly AddrRange[], unit: number): Set<number> | undefined {
  const blocks = new Set<number>();
  for (const { start, end } of ranges) {
    const last = Math.floor((end - 1) / unit);
    for (let block = Math.floor(start / unit); block <= last; block++) {
      blocks.add(block);
      if (blocks.size > MAX_PATTERNS) return undefined;
    }
  }
  return blocks;
}
