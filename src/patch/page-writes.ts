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

/** What a page holds in the range of a group when its turn comes, and after it. */
export interface PageChange extends PageWrites {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/**
 * What the ranges are to hold. An earlier group may have changed bytes in the range of a later one:
 * groups on one page follow each other with others in between.
 * @param found what each range holds before anything is written
 * @returns instead the first write whose place does not hold what it should, if there is one
 */
export function changePages(
  groups: readonly PageWrites[],
  found: readonly Uint8Array[],
): { readonly pages: readonly PageChange[] } | { readonly changed: CodeWrite } {
  const pages: PageChange[] = [];
  for (const [i, group] of groups.entries()) {
    const before = new Uint8Array(found[i] ?? []);
    for (const earlier of pages) for (const write of earlier.writes) overlay(group, before, write);
    const after = new Uint8Array(before);
    for (const write of group.writes) {
      const at = write.address - group.range.start;
      if (!equal(before.subarray(at, at + write.before.length), write.before)) {
        return { changed: write };
      }
      after.set(write.after, at);
    }
    pages.push({ ...group, before, after });
  }
  return { pages };
}

/** Puts what a write makes of its place where that is in the range. */
function overlay({ range }: PageWrites, bytes: Uint8Array, { address, after }: CodeWrite): void {
  const start = Math.max(address, range.start);
  const end = Math.min(offsetBy(address, after.length), range.end);
  if (start < end) bytes.set(after.subarray(start - address, end - address), start - range.start);
}
