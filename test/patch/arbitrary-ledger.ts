/** Ledgers as hcr writes them: every one fits together. */
import fc from 'fast-check';
import { type Addr, addr, offsetBy } from '../../src/core/address.js';
import { PARTS } from '../../src/core/part.js';
import type {
  Area,
  Block,
  Body,
  CodeWrite,
  EntryRecord,
  GenerationRecord,
  Ledger,
  Pending,
  Unwinder,
} from '../../src/patch/ledger.js';

const text = fc.string({ unit: 'binary', maxLength: 20 });
const address = fc.integer({ min: 0x10000, max: 2 ** 47 }).map((value) => addr(value));
const sizeBytes = fc.nat(1 << 16);
const bytes = fc.uint8Array({ minLength: 1, maxLength: 16 });

const area: fc.Arbitrary<Area> = fc
  .tuple(address, fc.tuple(sizeBytes, sizeBytes, sizeBytes))
  .map(([start, [data, readonly, code]]) => {
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
  });

const body: fc.Arbitrary<Body> = fc.record(
  {
    name: text,
    module: text,
    source: text,
    entry: address,
    start: address,
    sizeBytes,
    cold: fc.array(
      area.map(({ start, parts }) => ({ start, end: parts.code.end })),
      { maxLength: 2 },
    ),
    target: address,
    fingerprint: text,
    reason: fc.constantFrom('requested', 'clone', 'inlined', 'changed', 'new'),
  },
  {
    requiredKeys: [
      'name',
      'module',
      'entry',
      'start',
      'sizeBytes',
      'cold',
      'target',
      'fingerprint',
      'reason',
    ],
  },
);

const entry: fc.Arbitrary<EntryRecord> = fc.record({
  entry: address,
  name: text,
  module: text,
  sizeBytes,
  originals: fc.array(fc.record({ address, bytes }), { minLength: 1, maxLength: 2 }),
  branchesBack: fc.boolean(),
});

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

function unwinderIn(areas: readonly Area[]): fc.Arbitrary<Omit<Unwinder, 'entry'>> {
  const blocks = areas.length === 0 ? fc.constant([]) : fc.array(blockIn(areas), { maxLength: 2 });
  return fc.record({ search: address, slot: address, blocks });
}

function generations(areas: readonly Area[]): fc.Arbitrary<GenerationRecord[]> {
  const one = fc.record({
    gap: fc.integer({ min: 1, max: 3 }),
    parent: fc.nat(),
    publishedAt: text,
    bodies: fc.array(body, { maxLength: 4 }),
    blocks: areas.length === 0 ? fc.constant([]) : fc.array(blockIn(areas), { maxLength: 3 }),
    variables: fc.array(fc.record({ module: text, key: text, start: address, sizeBytes }), {
      maxLength: 3,
    }),
    shared: fc.array(fc.record({ name: text, entries: fc.array(address, { maxLength: 3 }) }), {
      maxLength: 2,
    }),
    frameIndexes: fc.array(
      fc.record({ start: address, sizeBytes }).map(({ start, sizeBytes: bytes }) => ({
        start,
        end: addr(start + bytes),
      })),
      { maxLength: 2 },
    ),
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

export const arbitraryLedger: fc.Arbitrary<Ledger> = fc
  .array(area, { maxLength: 3 })
  .chain((areas) =>
    fc
      .tuple(
        generations(areas),
        fc.uniqueArray(entry, { maxLength: 4, selector: (each) => each.entry }),
        fc.array(unwinderIn(areas), { maxLength: 2 }),
        fc.nat(),
      )
      .chain(([list, entries, searches, chosen]) => {
        const numbers = [0, ...list.map(({ number }) => number)];
        const current = numbers[chosen % numbers.length] ?? 0;
        const newest = numbers.at(-1) ?? 0;
        const whole: Ledger = {
          areas,
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
