/**
 * What a checksum cannot tell of a ledger: that its parts fit each other. The program can write a
 * record of its own, whole and with the right checksum; acting on one that lies would break the
 * program, so nothing is believed that hcr would not have written.
 */
import { type Addr, type AddrRange, offsetBy, rangeAt } from '../core/address.js';
import { PARTS, type Part } from '../core/part.js';
import { type Area, type Body, type EntryRecord, type Ledger, blocksInUse } from './ledger.js';

/** A function is smaller: 16 MiB of code in one would be a program of its own. */
const LARGEST_FUNCTION_BYTES = 1 << 24;
/** A redirect overwrites a jump, and an island is within reach of a short one. */
const LARGEST_PLACE_BYTES = 32;
const NEAR_ENTRY_BYTES = 256;

/** @throws TypeError that says what does not fit */
export function assertConsistent(ledger: Ledger): void {
  assertAreas(ledger.areas);
  assertGenerations(ledger);
  const places = assertEntries(ledger);
  assertInAreas(ledger);
  assertPending(ledger, places);
}

function assertAreas(areas: readonly Area[]): void {
  let end = 0;
  for (const area of areas.toSorted((a, b) => a.start - b.start)) {
    if (area.start < end) throw new TypeError('areas that overlap');
    end = offsetBy(area.start, area.sizeBytes);
    let at: number = area.start;
    for (const part of PARTS) {
      const range = area.parts[part];
      if (range.start < at || range.end > end) throw new TypeError('parts outside their area');
      at = range.end;
    }
  }
}

function assertGenerations({ generations, current }: Ledger): void {
  const numbers = new Set([0, ...generations.map(({ number }) => number)]);
  if (numbers.size !== generations.length + 1)
    throw new TypeError('generations with the same number');
  if (!numbers.has(current)) throw new TypeError('the live generation is not recorded');
  for (const { number, parent } of generations) {
    // With this there is no circle either.
    if (parent >= number || !numbers.has(parent))
      throw new TypeError(`generation ${number} has no parent`);
  }
}

/** @returns the addresses at which redirects are made */
function assertEntries({ entries, unwinders }: Ledger): ReadonlySet<number> {
  const known = new Set(entries.map(({ entry }) => entry));
  if (known.size !== entries.length) throw new TypeError('an entry recorded twice');
  const places = new Set<number>();
  for (const entry of entries) {
    if (entry.originals.length < 1 || entry.originals.length > 2)
      throw new TypeError('an entry without its places');
    if (entry.sizeBytes > LARGEST_FUNCTION_BYTES) throw new TypeError('an entry of no function');
    for (const { address, bytes } of entry.originals) {
      if (bytes.length === 0 || bytes.length > LARGEST_PLACE_BYTES)
        throw new TypeError('an empty place, or one that is no jump');
      if (!isNear(entry, address)) throw new TypeError('a place that is not near its entry');
      places.add(address);
    }
  }
  for (const { entry, slot } of unwinders) {
    if (!known.has(entry)) throw new TypeError('an unwinder without its entry');
    places.add(slot);
  }
  return places;
}

function isNear({ entry, sizeBytes }: EntryRecord, address: Addr): boolean {
  return address >= entry - NEAR_ENTRY_BYTES && address <= entry + sizeBytes + NEAR_ENTRY_BYTES;
}

function assertInAreas(ledger: Ledger): void {
  const { areas, generations, unwinders } = ledger;
  const within = (part: Part, start: number, end: number): boolean =>
    areas.some(({ parts: { [part]: home } }) => start >= home.start && end <= home.end);
  const assert = (what: string, part: Part, { start, end }: AddrRange): void => {
    if (!within(part, start, end)) throw new TypeError(`${what} outside the areas`);
  };
  for (const { part, start, sizeBytes } of blocksInUse(ledger))
    assert('a block', part, rangeAt(start, sizeBytes));
  for (const { search, slot } of unwinders) {
    assert('a search', 'code', rangeAt(search, 1));
    assert('its slot', 'readonly', rangeAt(slot, 8));
  }
  for (const { bodies, variables, frameIndexes, lineTables = [] } of generations) {
    for (const body of bodies) {
      for (const range of codeOf(body)) assert('a body', 'code', range);
    }
    for (const { start, sizeBytes } of variables) {
      // A constant that other units refer to is on record like a variable.
      const isConstant = within('readonly', start, start + sizeBytes);
      assert('a variable', isConstant ? 'readonly' : 'data', rangeAt(start, sizeBytes));
    }
    for (const range of frameIndexes) assert('an index', 'readonly', range);
    for (const range of lineTables) assert('a line table', 'readonly', range);
  }
}

/** Where a body has code of hcr's; none for the original one. */
function codeOf({ entry, start, sizeBytes, cold, target, reason }: Body): readonly AddrRange[] {
  if (start === entry && reason !== 'new') return [];
  return [rangeAt(start, sizeBytes), rangeAt(target, 1), ...cold];
}

function assertPending({ pending, generations }: Ledger, places: ReadonlySet<number>): void {
  if (pending === undefined) return;
  const numbers = new Set([0, ...generations.map(({ number }) => number)]);
  if (!(numbers.has(pending.from) && numbers.has(pending.to)))
    throw new TypeError('a publication between generations that are not recorded');
  for (const { address, before, after } of pending.writes) {
    if (!places.has(address)) throw new TypeError('a write where no entry is');
    if (before.length !== after.length) throw new TypeError('a write of two lengths');
  }
}
