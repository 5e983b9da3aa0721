/** Finds the symbols at an address: sorted by where they start, with the furthest end so far. */
import { SHN, STT } from './constants.js';
import type { SymbolEntries } from './symbol-entries.js';

function hasAddress(entries: SymbolEntries, index: number): boolean {
  const section = entries.rawSectionIndex(index);
  if (section === SHN.UNDEF || section === SHN.ABS || section === SHN.COMMON) return false;
  const type = entries.type(index);
  // The value of a thread-local symbol is an offset into its segment, not an address.
  if (type === STT.TLS || type === STT.SECTION || type === STT.FILE) return false;
  return entries.sizeBytes(index) > 0;
}

export class AddressIndex {
  private readonly entries: SymbolEntries;
  /** Symbols by ascending start; those that start together by descending index. */
  private readonly order: Uint32Array;
  /** By symbol, 0 for those without an address. Read out once: sorting asks for them often. */
  private readonly starts: Float64Array;
  /** By place in the order: the greatest end of this symbol and all before it. */
  private readonly furthestEnds: Float64Array;

  constructor(entries: SymbolEntries) {
    this.entries = entries;
    const starts = new Float64Array(entries.count);
    const indices: number[] = [];
    for (let i = 0; i < entries.count; i++) {
      if (!hasAddress(entries, i)) continue;
      starts[i] = entries.value(i);
      indices.push(i);
    }
    this.starts = starts;
    this.order = new Uint32Array(indices).sort(
      (a, b) => (starts[a] ?? 0) - (starts[b] ?? 0) || b - a,
    );
    this.furthestEnds = new Float64Array(indices.length);
    let furthest = 0;
    for (let place = 0; place < indices.length; place++) {
      furthest = Math.max(furthest, this.endOf(this.order[place] ?? 0));
      this.furthestEnds[place] = furthest;
    }
  }

  /** Indices of the symbols whose `[value, value + size)` contains the address, the one that
   *  starts nearest first; aliases in the order of the table. */
  find(address: number): number[] {
    const found: number[] = [];
    for (let place = this.countStartingUpTo(address) - 1; place >= 0; place--) {
      if ((this.furthestEnds[place] ?? 0) <= address) break;
      const index = this.order[place] ?? 0;
      if (this.endOf(index) > address) found.push(index);
    }
    return found;
  }

  private endOf(index: number): number {
    return (this.starts[index] ?? 0) + this.entries.sizeBytes(index);
  }

  private startAt(place: number): number {
    return this.starts[this.order[place] ?? 0] ?? 0;
  }

  private countStartingUpTo(address: number): number {
    let low = 0;
    let high = this.order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.startAt(middle) <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
