/**
 * Which translation unit a local symbol came from. Linkers keep the local symbols of each input
 * file together, behind an STT_FILE symbol with the basename of its source. Two sources of the
 * same basename make two groups. A FILE symbol without a name heads the linker's own symbols.
 *
 * @see gABI 4 "Symbol Table", STT_FILE
 */
import { STB, STT } from './constants.js';
import type { SymbolEntries } from './symbol-entries.js';

/** Local symbols behind one FILE symbol: the indices in `[start, end)`. */
export interface LocalRange {
  /** Name of the FILE symbol, or empty. */
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

export class LocalRanges {
  /** Ascending, without overlap. */
  private readonly ranges: readonly LocalRange[];

  constructor(entries: SymbolEntries, nameOf: (index: number) => string) {
    const heads: number[] = [];
    let locals = 0;
    for (; locals < entries.count && entries.binding(locals) === STB.LOCAL; locals++) {
      if (entries.type(locals) === STT.FILE) heads.push(locals);
    }
    this.ranges = heads.map((head, i) => ({
      file: nameOf(head),
      start: head + 1,
      end: heads[i + 1] ?? locals,
    }));
  }

  /** The range that holds the symbol at `index`. */
  at(index: number): LocalRange | undefined {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ranges[middle]?.end ?? 0) <= index) low = middle + 1;
      else high = middle;
    }
    const range = this.ranges[low];
    return range && index >= range.start ? range : undefined;
  }

  /** The ranges of all files of this basename; `name` may have directories before it. */
  ofFile(name: string): LocalRange[] {
    const wanted = basename(name);
    return this.ranges.filter((range) => range.file !== '' && basename(range.file) === wanted);
  }
}

function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
