/**
 * Writes to code as they are made: those that lie on one page and follow each other in one go.
 *
 * A thousand functions changed at a time are a thousand jumps, on a few dozen pages; a system call
 * for each jump would be most of the standstill. What lies between two jumps is written back as it
 * was read in the same stop. A page is written as a whole or not at all, even when hcr is killed,
 * and the order of the writes is kept: an island is there before, or with, the jump to it.
 */
import { type Addr, type AddrRange, offsetBy } from '../core/address.js';
import type { CodeWrite } from './ledger.js';
import { equal } from './plan.js';

/** Writes that follow each other on one page. */
export interface PageWrites {
  readonly range: AddrRange;
  readonly writes: readonly CodeWrite[];
}

/** In the order in which they are to be made.
 *  @param writes none of which crosses a page */
export function groupByPage(writes: readonly CodeWrite[], pageBytes: number): PageWrites[] {
  const groups: CodeWrite[][] = [];
  let page = -1;
  for (const write of writes) {
    const next = Math.floor(write.address / pageBytes);
    if (next === page) groups.at(-1)?.push(write);
    else groups.push([write]);
    page = next;
  }
  return groups.map((group) => ({
    range: {
      start: Math.min(...group.map(({ address }) => address)) as Addr,
      end: Math.max(...group.map(({ address, after }) => offsetBy(address, after.length))) as Addr,
    },
    writes: group,
  }));
}

/** What the range is to hold, made of what it holds now.
 *  @returns instead the first write whose place does not hold what it should, if there is one */
export function applyWrites(
  { range, writes }: PageWrites,
  found: Uint8Array,
): { readonly bytes: Uint8Array } | { readonly changed: CodeWrite } {
  const bytes = new Uint8Array(found);
  for (const write of writes) {
    const at = write.address - range.start;
    if (!equal(found.subarray(at, at + write.before.length), write.before)) {
      return { changed: write };
    }
    bytes.set(write.after, at);
  }
  return { bytes };
}
