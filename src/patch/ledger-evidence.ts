/**
 * What tells a ledger that lies, or that is not the last one, from the truth: the bytes at the entries
 * that it names, and the states that each entry can be in.
 *
 * A program that scribbles over the newer copy of the record leaves an older one, which is whole.
 * Of what was published since it knows nothing, and would give live code's memory to the next patch.
 * But an entry then leads to code that the record has no body for.
 */
import type { Jumps } from '../arch/jumps.js';
import { type Addr, type AddrRange, contains, hex } from '../core/address.js';
import type { Memory } from '../core/memory.js';
import { isHcrError } from '../core/failure.js';
import type { CodeWrite, EntryRecord, Ledger } from './ledger.js';
import { entryBytes, equal } from './plan.js';

/**
 * @param areas of hcr, as the process has them mapped
 * @returns what is wrong; undefined when nothing is
 */
export function contradiction(
  ledger: Ledger,
  areas: readonly AddrRange[],
  memory: Memory,
  jumps: Jumps,
): string | undefined {
  for (const area of ledger.areas) {
    const isThere = areas.some(
      ({ start, end }) => start === area.start && end === area.start + area.sizeBytes,
    );
    if (!isThere) return `it names memory at ${hex(area.start)} that is not hcr’s`;
  }
  const states = new Map(ledger.entries.map((entry) => [entry, statesOf(entry, ledger, jumps)]));
  for (const [entry, known] of states) {
    const stray = strayPlace(entry, known, areas, memory, jumps);
    if (stray !== undefined) return `${entry.name} leads to code that it does not know of`;
  }
  for (const write of ledger.pending?.writes ?? []) {
    if (!isPossible(write, ledger, states)) return `no patch writes this at ${hex(write.address)}`;
  }
  return undefined;
}

/** The bytes of each place of an entry, one state after the other. */
type EntryStates = readonly (readonly Uint8Array[])[];

function statesOf(entry: EntryRecord, ledger: Ledger, jumps: Jumps): EntryStates {
  const targets = new Set<Addr>();
  for (const { bodies } of ledger.generations) {
    for (const body of bodies) if (body.entry === entry.entry) targets.add(body.target);
  }
  for (const unwinder of ledger.unwinders)
    if (unwinder.entry === entry.entry) targets.add(unwinder.search);
  const states = [entryBytes(entry, undefined, jumps)];
  for (const target of targets) {
    try {
      states.push(entryBytes(entry, { target }, jumps));
    } catch (error) {
      // It cannot have led there.
      if (!isHcrError(error, 'out-of-reach')) throw error;
    }
  }
  return states;
}

/** A place of an entry that jumps into an area, to where none of its bodies is. */
function strayPlace(
  { originals }: EntryRecord,
  states: EntryStates,
  areas: readonly AddrRange[],
  memory: Memory,
  jumps: Jumps,
): Addr | undefined {
  return originals.find(({ address, bytes }, i) => {
    const found = memory.tryRead(address, bytes.length);
    // Of a library that is not loaded any more.
    if (found === undefined) return false;
    const target = jumps.nearTarget(found, address);
    if (target === undefined || !areas.some((area) => contains(area, target))) return false;
    return !states.some((state) => equal(state[i] ?? new Uint8Array(), found));
  })?.address;
}

/** Whether a publication can have had such a write: from one state of the entry to another, or of
 *  the word that tells the search which index to look at. */
function isPossible(
  { address, before, after }: CodeWrite,
  { unwinders, areas }: Ledger,
  states: ReadonlyMap<EntryRecord, EntryStates>,
): boolean {
  const fits = (bytes: Uint8Array): boolean =>
    [...states].some(([{ originals }, known]) => {
      const place = originals.findIndex((original) => original.address === address);
      return place >= 0 && known.some((state) => equal(state[place] ?? new Uint8Array(), bytes));
    });
  if (fits(before) && fits(after)) return true;
  const leadsToIndex = (bytes: Uint8Array): boolean => {
    if (bytes.length !== 8) return false;
    const index = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    return index === 0n || areas.some(({ parts }) => contains(parts.readonly, Number(index)));
  };
  const isSlot = unwinders.some(({ slot }) => slot === address);
  return isSlot && leadsToIndex(before) && leadsToIndex(after);
}
