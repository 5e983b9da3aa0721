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
  private readonly starts: Float64Array;
  /** The greatest end of this symbol and all before it. */
  private readonly furthestEnds: Float64Array;

  constructor(entries: SymbolEntries) {
    this.entries = entries;
    const indices: number[] = [];
    for (let i = 0; i < entries.count; i++) if (hasAddress(entries, i)) indices.push(i);
    const values = Float64Array.from(indices, (i) => entries.value(i));
    const ranks = Uint32Array.from(indices.keys());
    ranks.sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0) || b - a);
    this.order = ranks.map((rank) => indices[rank] ?? 0);
    this.starts = Float64Array.from(ranks, (rank) => values[rank] ?? 0);
    let furthest = 0;
    this.furthestEnds = Float64Array.from(this.order, (index, i) => {
      furthest = Math.max(furthest, (this.starts[i] ?? 0) + entries.sizeBytes(index));
      return furthest;
    });
  }

  /** Indices of the symbols whose `[value, value + size)` contains the address, the one that
   *  starts nearest first; aliases in the order of the table. */
  find(address: number): number[] {
    const found: number[] = [];
    for (let i = this.countStartingUpTo(address) - 1; i >= 0; i--) {
      if ((this.furthestEnds[i] ?? 0) <= address) break;
      const index = this.order[i] ?? 0;
      if ((this.starts[i] ?? 0) + this.entries.sizeBytes(index) > address) found.push(index);
    }
    return found;
  }

  private countStartingUpTo(address: number): number {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.starts[middle] ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
