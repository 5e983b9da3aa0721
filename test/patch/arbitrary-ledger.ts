/** Ledgers as hcr writes them: every one fits together. */
import fc from 'fast-check';
import { type Addr, type AddrRange, addr, offsetBy } from '../../src/core/address.js';
import { PARTS, type Part } from '../../src/core/part.js';
import type {
  Area,
  Block,
  Body,
  CodeWrite,
  EntryRecord,
  GenerationRecord,
  Ledger,
  NewVariable,
  Pending,
  Unwinder,
} from '../../src/patch/ledger.js';

const text = fc.string({ unit: 'binary', maxLength: 20 });
const address = fc.integer({ min: 0x10000, max: 2 ** 47 }).map((value) => addr(value));
const sizeBytes = fc.nat(1 << 16);
const bytes = fc.uint8Array({ minLength: 1, maxLength: 16 });

const partBytes = fc.integer({ min: 64, max: 1 << 16 });

/** One in each terabyte, so that none overlaps another. */
const areas: fc.Arbitrary<Area[]> = fc
  .array(fc.tuple(fc.nat(1 << 30), partBytes, partBytes, partBytes), { maxLength: 3 })
  .map((list) =>
    list.map(([gap, data, readonly, code], i) => {
      const start = addr((i + 1) * 2 ** 40 + gap);
      const range = (from: Addr, lengthBytes: number) => ({
        start: from,
        end: offsetBy(from, lengthBytes),
      });
      const dataRange = range(start, data);
      const readonlyRange = range(dataRange.end, readonly);
      const codeRange = range(readonlyRange.end, code);
      return {
        start,
        sizeBytes: codeRange.end - start,
        parts: { data: dataRange, readonly: readonlyRange, code: codeRange },
      };
    }),
  );

/** A piece of one part of one area, at least of so many bytes. */
function pieceOf(all: readonly Area[], part: Part, leastBytes = 0): fc.Arbitrary<AddrRange> {
  return fc.tuple(fc.constantFrom(...all), fc.nat(), fc.nat()).map(([{ parts }, from, length]) => {
    const { start, end } = parts[part];
    const offset = from % (end - start - leastBytes + 1);
    const most = end - start - offset - leastBytes;
    const at = offsetBy(start, offset);
    return { start: at, end: offsetBy(at, leastBytes + (length % (most + 1))) };
  });
}

function bodyIn(all: readonly Area[]): fc.Arbitrary<Body> {
  const rest = fc.record(
    {
      name: text,
      module: text,
      source: text,
      entry: address,
      cold: fc.array(pieceOf(all, 'code'), { maxLength: 2 }),
      fingerprint: text,
      reason: fc.constantFrom('requested', 'clone', 'inlined', 'changed', 'new'),
    },
    { requiredKeys: ['name', 'module', 'entry', 'cold', 'fingerprint', 'reason'] },
  );
  return fc
    .tuple(rest, pieceOf(all, 'code', 1), pieceOf(all, 'code', 1))
    .map(([fields, { start, end }, { start: target }]) => ({
      ...fields,
      start,
      sizeBytes: end - start,
      target,
    }));
}

const entry: fc.Arbitrary<EntryRecord> = fc
  .record({
    entry: address,
    name: text,
    module: text,
    sizeBytes,
    places: fc.array(fc.record({ distance: fc.nat(200), bytes }), { minLength: 1, maxLength: 2 }),
    branchesBack: fc.boolean(),
  })
  .map(({ places, ...rest }) => ({
    ...rest,
    originals: places.map(({ distance, bytes: original }) => ({
      address: offsetBy(rest.entry, distance),
      bytes: original,
    })),
  }));

/** A write to one of the places of the entries. */
function writeTo(entries: readonly EntryRecord[]): fc.Arbitrary<CodeWrite> {
  const places = entries.flatMap(({ originals }) => originals);
  return fc.constantFrom(...places).map(({ address: at, bytes: before }) => ({
    address: at,
    before,
    after: before.map((byte) => byte ^ 0xff),
  }));
}

function blockIn(areas: readonly Area[]): fc.Arbitrary<Block> {
  return fc
    .tuple(fc.constantFrom(...areas), fc.constantFrom(...PARTS), fc.nat(), fc.nat())
    .map(([home, part, from, length]) => {
      const { start, end } = home.parts[part];
      const offset = from % (end - start + 1);
      return {
        part,
        start: offsetBy(start, offset),
        sizeBytes: length % (end - start - offset + 1),
      };
    });
}

function unwinderIn(all: readonly Area[]): fc.Arbitrary<Omit<Unwinder, 'entry'>> {
  return fc.record({
    search: pieceOf(all, 'code', 1).map(({ start }) => start),
    slot: pieceOf(all, 'readonly', 8).map(({ start }) => start),
    blocks: fc.array(blockIn(all), { maxLength: 2 }),
  });
}

/** Up to so many; none where there is no area for them to be in. */
function some<T>(
  all: readonly Area[],
  one: (all: readonly Area[]) => fc.Arbitrary<T>,
  maxLength: number,
): fc.Arbitrary<T[]> {
  return all.length === 0 ? fc.constant([]) : fc.array(one(all), { maxLength });
}

function variableIn(all: readonly Area[]): fc.Arbitrary<NewVariable> {
  return fc
    .tuple(text, text, pieceOf(all, 'data'))
    .map(([module, key, { start, end }]) => ({ module, key, start, sizeBytes: end - start }));
}

function generations(all: readonly Area[]): fc.Arbitrary<GenerationRecord[]> {
  const one = fc.record({
    gap: fc.integer({ min: 1, max: 3 }),
    parent: fc.nat(),
    publishedAt: text,
    bodies: some(all, bodyIn, 4),
    blocks: some(all, blockIn, 3),
    variables: some(all, variableIn, 3),
    shared: fc.array(fc.record({ name: text, entries: fc.array(address, { maxLength: 3 }) }), {
      maxLength: 2,
    }),
    frameIndexes: some(all, (homes) => pieceOf(homes, 'readonly'), 2),
    lineTables: some(all, (homes) => pieceOf(homes, 'readonly'), 2),
    retired: fc.boolean(),
  });
  return fc.array(one, { maxLength: 5 }).map((list) => {
    const numbers = [0];
    return list.map(({ gap, parent, ...rest }) => {
      const number = (numbers.at(-1) ?? 0) + gap;
      const from = numbers[parent % numbers.length] ?? 0;
      numbers.push(number);
      return { number, parent: from, ...rest };
    });
  });
}

export const arbitraryLedger: fc.Arbitrary<Ledger> = areas.chain((all) =>
  fc
    .tuple(
      generations(all),
      fc.uniqueArray(entry, { maxLength: 4, selector: (each) => each.entry }),
      some(all, unwinderIn, 2),
      fc.nat(),
    )
    .chain(([list, entries, searches, chosen]) => {
      const numbers = [0, ...list.map(({ number }) => number)];
      const current = numbers[chosen % numbers.length] ?? 0;
      const newest = numbers.at(-1) ?? 0;
      const whole: Ledger = {
        areas: all,
        entries,
        generations: list,
        unwinders: entries.slice(0, searches.length).flatMap(({ entry: at }, i) => {
          const search = searches[i];
          return search === undefined ? [] : [{ entry: at, ...search }];
        }),
        current,
        ...(chosen % 2 === 0 ? {} : { highest: newest + (chosen % 7) }),
      };
      const pending: fc.Arbitrary<Pending> = fc.record({
        from: fc.constant(current),
        to: fc.constantFrom(...numbers),
        created: fc.boolean(),
        writes:
          entries.length === 0 ? fc.constant([]) : fc.array(writeTo(entries), { maxLength: 3 }),
      });
      return fc
        .option(pending, { nil: undefined })
        .map((begun) => (begun === undefined ? whole : { ...whole, pending: begun }));
    }),
);
