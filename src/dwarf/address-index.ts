/** Whose an address is, a unit's or a function's: ranges sorted by where they start. */
import type { VaddrRange } from '../core/address.js';

export interface OwnedRange extends VaddrRange {
  /** Where the unit is in `.debug_info`, or the number of the function. */
  readonly owner: number;
}

export class AddressIndex {
  private readonly ranges: readonly OwnedRange[];
  /** The greatest end of this range and all before it. Ranges may overlap: identical functions
   *  that the linker folded belong to several units. */
  private readonly furthestEnds: Float64Array;

  constructor(ranges: readonly OwnedRange[]) {
    this.ranges = ranges.toSorted((a, b) => a.start - b.start || b.end - a.end);
    this.furthestEnds = new Float64Array(ranges.length);
    let furthest = 0;
    for (const [index, range] of this.ranges.entries()) {
      furthest = Math.max(furthest, range.end);
      this.furthestEnds[index] = furthest;
    }
  }

  /** The owner of the innermost range around an address. */
  find(address: number): number | undefined {
    for (let index = this.countStartingUpTo(address) - 1; index >= 0; index--) {
      if ((this.furthestEnds[index] ?? 0) <= address) return undefined;
      const range = this.ranges[index];
      if (range !== undefined && address < range.end) return range.owner;
    }
    return undefined;
  }

  private countStartingUpTo(address: number): number {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.ranges[middle]?.start ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
