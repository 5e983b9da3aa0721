/**
 * Rule 7: the bytes being overwritten must be free.
 *
 * No thread may stand, or come back from a call or a signal, strictly inside them; at their first
 * byte it may, for that is where the new instruction begins. A function whose own branches lead
 * back into them must not be active at all, because such a branch would enter the middle of a jump.
 *
 * Stacks are looked at word by word: what points into a hazard counts as a return address. That
 * can take a dead word for a live one, which makes hcr wait; it never overlooks one.
 */
import { type AddrRange, contains, offsetBy, rangeAt } from '../core/address.js';
import type { CodeWrite, EntryRecord } from './ledger.js';
import { WordSearch } from './word-search.js';

export interface Hazard {
  readonly range: AddrRange;
  readonly function: string;
  readonly why: 'overwritten' | 'branches-back' | 'shares-data' | 'not-idle';
}

export interface ThreadPosition {
  readonly tid: number;
  readonly pc: number;
  /** From the stack pointer upwards; 8-byte words. */
  readonly stack: Uint8Array;
}

export interface Busy {
  readonly tid: number;
  readonly hazard: Hazard;
}

/** Places that no thread may be in while the writes are made. */
export function hazardsOf(writes: readonly CodeWrite[], entries: readonly EntryRecord[]): Hazard[] {
  const hazards: Hazard[] = [];
  for (const write of writes) {
    const entry = entries.find((candidate) =>
      candidate.originals.some(({ address }) => address === write.address),
    );
    if (entry === undefined) continue;
    const range = {
      start: offsetBy(write.address, 1),
      end: offsetBy(write.address, write.before.length),
    };
    hazards.push({ range, function: entry.name, why: 'overwritten' });
    if (entry.branchesBack) {
      const body = rangeAt(entry.entry, entry.sizeBytes);
      hazards.push({ range: body, function: entry.name, why: 'branches-back' });
    }
  }
  return hazards;
}

/** Made ready before the target stands still, so that looking at a thread takes a microsecond. */
export class HazardSearch {
  private readonly hazards: readonly Hazard[];
  private readonly places: WordSearch;
  private readonly returns: WordSearch;

  constructor(hazards: readonly Hazard[]) {
    this.hazards = hazards;
    this.places = new WordSearch(hazards.map(({ range }) => range));
    this.returns = new WordSearch(hazards.map(returnRange));
  }

  /** What a thread is in the way of. */
  find({ pc, stack }: ThreadPosition): Hazard | undefined {
    const at = this.places.has(pc) ? pc : this.returns.first(stack);
    return at === undefined ? undefined : this.hazards.find(({ range }) => contains(range, at));
  }
}

/** The threads that are in the way. */
export function findBusy(threads: Iterable<ThreadPosition>, search: HazardSearch): Busy[] {
  const busy: Busy[] = [];
  for (const thread of threads) {
    const hazard = search.find(thread);
    if (hazard !== undefined) busy.push({ tid: thread.tid, hazard });
  }
  return busy;
}

/** Where a call would come back into a hazard. */
export function returnRange({ why, range }: Hazard): AddrRange {
  return why === 'overwritten' ? range : afterStart(range);
}

/** No call returns to the start of a function: a word that points there is a function pointer. */
function afterStart(range: AddrRange): AddrRange {
  return { start: offsetBy(range.start, 1), end: range.end };
}

/** Whether a thread is in one of some functions, or comes back to it.
 *  @param bodies whole functions, from their start */
export function isInside(
  { pc, stack }: Pick<ThreadPosition, 'pc' | 'stack'>,
  bodies: readonly AddrRange[],
): AddrRange | undefined {
  const word = new WordSearch(bodies.map(afterStart)).first(stack);
  return bodies.find((body) => contains(body, pc) || (word !== undefined && contains(body, word)));
}
