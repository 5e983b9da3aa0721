/** Looks through memory for anything that may be a pointer into some ranges. */
import type { Addr, AddrRange } from '../core/address.js';

/** Memory that a pointer may lead into, and what its owner calls it. */
export interface Suspect {
  readonly number: number;
  readonly ranges: readonly AddrRange[];
}

/** Pointers stand at multiples of this, those in packed structures such as epoll_event included. */
const WORD_BYTES = 4;
const WORDS_AT_ONCE = 4;
const WINDOW_BYTES = 1 << 23;
const WINDOW_MASK = -WINDOW_BYTES;
const HALF = 2 ** 32;

/** Addresses that have all but their low bits in common; the halves as signed numbers, which the
 *  engine compares without making floating-point numbers of them. */
interface Window {
  readonly low: number;
  readonly high: number;
}

/** Memory to search is put here. It is searched as words of the machine, which is little-endian. */
export class SearchBuffer {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;

  constructor(sizeBytes: number) {
    // Room behind the last word: the search takes several at once, and their successors.
    const memory = new ArrayBuffer(sizeBytes + (WORDS_AT_ONCE + 1) * WORD_BYTES);
    this.bytes = new Uint8Array(memory, 0, sizeBytes);
    this.words = new Int32Array(memory);
  }
}

export class PointerSearch {
  /** Numbers of the suspects that something points into. */
  readonly found = new Set<number>();
  private readonly ranges: readonly (AddrRange & { readonly number: number })[];
  private readonly windows: readonly Window[];

  constructor(suspects: readonly Suspect[]) {
    this.ranges = suspects
      .flatMap(({ number, ranges }) => ranges.map(({ start, end }) => ({ start, end, number })))
      .sort((a, b) => a.start - b.start);
    const starts = new Set<number>();
    for (const { start, end } of this.ranges) {
      for (let at = start - (start % WINDOW_BYTES); at <= end; at += WINDOW_BYTES) starts.add(at);
    }
    this.windows = [...starts].map((at) => ({
      low: (at % HALF) | 0,
      high: Math.floor(at / HALF) | 0,
    }));
  }

  /** Searches what the buffer holds. A pointer that is cut off at its end is not found. */
  search({ words }: SearchBuffer, lengthBytes: number): void {
    const count = Math.floor(lengthBytes / WORD_BYTES);
    words.fill(0, count, count + WORDS_AT_ONCE + 1);
    for (const window of this.windows) this.searchWindow(words, count, window);
  }

  private searchWindow(words: Int32Array, count: number, { low, high }: Window): void {
    // Bounds are kept by the room behind the last word. Hundreds of megabytes go through here.
    const at = (i: number): number => words[i] as number;
    for (let i = 0; i < count; i += WORDS_AT_ONCE) {
      if (
        (at(i) & WINDOW_MASK) !== low &&
        (at(i + 1) & WINDOW_MASK) !== low &&
        (at(i + 2) & WINDOW_MASK) !== low &&
        (at(i + 3) & WINDOW_MASK) !== low
      ) {
        continue;
      }
      for (let j = i; j < i + WORDS_AT_ONCE; j++) {
        if (at(j + 1) === high && (at(j) & WINDOW_MASK) === low)
          this.note(high * HALF + (at(j) >>> 0));
      }
    }
  }

  /** Takes a value for a pointer. One behind the last byte counts: a call that never returns may be
   *  the last instruction, and loops stop at the end of a table. */
  note(value: number): void {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ranges[middle]?.start ?? Infinity) <= value) low = middle + 1;
      else high = middle;
    }
    for (const range of this.ranges.slice(Math.max(0, low - 2), low)) {
      if (value <= range.end) this.found.add(range.number);
    }
  }
}

/** The parts of some ranges that lie outside of others. */
export function subtract(ranges: readonly AddrRange[], others: readonly AddrRange[]): AddrRange[] {
  return others.reduce<AddrRange[]>(
    (left, other) =>
      left.flatMap((range) => {
        const before = { start: range.start, end: Math.min(range.end, other.start) as Addr };
        const after = { start: Math.max(range.start, other.end) as Addr, end: range.end };
        return [before, after].filter(({ start, end }) => start < end);
      }),
    [...ranges],
  );
}
