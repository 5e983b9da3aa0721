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
  readonly why: 'overwritten' | 'branches-back' | 'shares-data';
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

/**
 * The first 8-byte word, at multiples of 8, that lies in one of the ranges.
 *
 * The search for the bytes that all addresses of a range have in common runs in native code: many
 * stacks are searched while the target stands, and a loop over their words in JavaScript would take
 * most of that time.
 */
function findReturnInto(memory: Uint8Array, ranges: readonly AddrRange[]): Addr | undefined {
  const bytes = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
  let first: { readonly at: number; readonly word: Addr } | undefined;
  for (const range of ranges) {
    for (const { pattern, lowBytes } of commonBytes(range)) {
      for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1)) {
        const start = at - lowBytes;
        if (start < 0 || start % WORD_BYTES !== 0) continue;
        const word = bytes.readUInt32LE(start + 4) * 2 ** 32 + bytes.readUInt32LE(start);
        if (!contains(range, word)) continue;
        if (first === undefined || start < first.at) first = { at: start, word: word as Addr };
        break;
      }
    }
  }
  return first?.word;
}

const WORD_BYTES = 8;
/** More searches than this take longer than the false hits of a shorter pattern. */
const MAX_PATTERNS = 8;

/** The upper bytes that words in a range can have, little-endian, without the `lowBytes` that vary. */
function commonBytes({
  start,
  end,
}: AddrRange): readonly { readonly pattern: Buffer; readonly lowBytes: number }[] {
  if (end <= start) return [];
  for (let lowBytes = 1; ; lowBytes++) {
    const unit = 256 ** lowBytes;
    const [first, last] = [Math.floor(start / unit), Math.floor((end - 1) / unit)];
    if (last - first >= MAX_PATTERNS) continue;
    return Array.from({ length: last - first + 1 }, (_, i) => {
      const word = Buffer.alloc(WORD_BYTES);
      word.writeBigUInt64LE(BigInt(first + i));
      return { pattern: word.subarray(0, WORD_BYTES - lowBytes), lowBytes };
    });
  }
}
