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
import { type Addr, type AddrRange, contains, offsetBy } from '../core/address.js';
import type { CodeWrite, EntryRecord } from './ledger.js';

export interface Hazard {
  readonly range: AddrRange;
  readonly function: string;
  readonly why: 'overwritten' | 'branches-back';
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
      const body = { start: entry.entry, end: offsetBy(entry.entry, entry.sizeBytes) };
      hazards.push({ range: body, function: entry.name, why: 'branches-back' });
    }
  }
  return hazards;
}

/** The threads that are in the way. */
export function findBusy(threads: Iterable<ThreadPosition>, hazards: readonly Hazard[]): Busy[] {
  const busy: Busy[] = [];
  for (const { tid, pc, stack } of threads) {
    const hazard =
      hazards.find(({ range }) => contains(range, pc)) ?? hazardOnStack(stack, hazards);
    if (hazard !== undefined) busy.push({ tid, hazard });
  }
  return busy;
}

function hazardOnStack(stack: Uint8Array, hazards: readonly Hazard[]): Hazard | undefined {
  const hit = findReturnInto(
    stack,
    hazards.map((hazard) =>
      hazard.why === 'overwritten' ? hazard.range : afterStart(hazard.range),
    ),
  );
  return hit === undefined ? undefined : hazards.find(({ range }) => contains(range, hit));
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
  const word = findReturnInto(stack, bodies.map(afterStart));
  return bodies.find((body) => contains(body, pc) || (word !== undefined && contains(body, word)));
}

/** The first 8-byte word, at multiples of 8, that lies in one of the ranges. */
function findReturnInto(memory: Uint8Array, ranges: readonly AddrRange[]): Addr | undefined {
  if (ranges.length === 0) return undefined;
  const lowest = Math.min(...ranges.map((range) => range.start));
  const highest = Math.max(...ranges.map((range) => range.end));
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  for (let at = 0; at + 8 <= memory.length; at += 8) {
    const word = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
    if (word < lowest || word >= highest) continue;
    if (ranges.some((range) => contains(range, word))) return word as Addr;
  }
  return undefined;
}
