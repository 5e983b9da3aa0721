import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addr, contains } from '../../src/core/address.js';
import type { CodeWrite, EntryRecord } from '../../src/patch/ledger.js';
import { HazardSearch, findBusy, hazardsOf, isInside } from '../../src/patch/safety.js';

const ENTRY = 0x555555555000;

const range = fc
  .tuple(fc.nat(40), fc.nat(12))
  .map(([start, bytes]) => ({ start: addr(ENTRY + start), end: addr(ENTRY + start + bytes) }));
const word = fc.oneof(
  fc.integer({ min: ENTRY - 4, max: ENTRY + 60 }).map(BigInt),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);

function stackOf(words: readonly bigint[], tail: number): Uint8Array {
  const bytes = new Uint8Array(words.length * 8 + tail).fill(0x55);
  const view = new DataView(bytes.buffer);
  words.forEach((value, i) => view.setBigUint64(i * 8, value, true));
  return bytes;
}

describe('isInside', () => {
  it('finds a thread whose pc is in a function, its start included', () => {
    fc.assert(
      fc.property(range, fc.nat(60), (body, at) => {
        const found = isInside({ pc: ENTRY + at, stack: new Uint8Array() }, [body]);
        expect(found).toBe(contains(body, ENTRY + at) ? body : undefined);
      }),
    );
  });

  it('finds every aligned word that comes back into a function, and takes no other for one', () => {
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 8 }),
        fc.nat(7),
        fc.array(range, { maxLength: 4 }),
        (words, tail, bodies) => {
          const comesBack = words.some((value) =>
            bodies.some(({ start, end }) => value > BigInt(start) && value < BigInt(end)),
          );
          const found = isInside({ pc: 0, stack: stackOf(words, tail) }, bodies);
          expect(found !== undefined).toBe(comesBack);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('finds the same among a thousand functions far apart as among few', () => {
    const bodies = Array.from({ length: 1000 }, (_, i) => ({
      start: addr(ENTRY + i * 0x5001),
      end: addr(ENTRY + i * 0x5001 + 40),
    }));
    fc.assert(
      fc.property(fc.nat(999), fc.integer({ min: -2, max: 42 }), (index, offset) => {
        const at = ENTRY + index * 0x5001 + offset;
        const found = isInside({ pc: 0, stack: stackOf([7n, BigInt(at)], 0) }, bodies);
        expect(found).toBe(offset > 0 && offset < 40 ? bodies[index] : undefined);
      }),
    );
  });

  it('takes a word that points at the start of a function for a pointer to it', () => {
    const body = { start: addr(ENTRY), end: addr(ENTRY + 9) };
    expect(isInside(thread(1, 0, ENTRY), [body])).toBeUndefined();
    expect(isInside(thread(1, 0, ENTRY, ENTRY + 1), [body])).toBe(body);
  });

  it('reads a stack that is a view into a larger buffer', () => {
    const whole = stackOf([1n, BigInt(ENTRY + 1), 2n], 0);
    const body = { start: addr(ENTRY), end: addr(ENTRY + 2) };
    expect(isInside({ pc: 0, stack: whole.subarray(8) }, [body])).toBe(body);
    expect(isInside({ pc: 0, stack: whole.subarray(16) }, [body])).toBeUndefined();
  });
});

function entryOf(branchesBack: boolean, at = ENTRY, name = 'f1'): EntryRecord {
  return {
    entry: addr(at),
    name,
    module: 'm',
    sizeBytes: 48,
    originals: [{ address: addr(at + 4), bytes: new Uint8Array(5) }],
    branchesBack,
  };
}

const write = (at = ENTRY): CodeWrite => ({
  address: addr(at + 4),
  before: new Uint8Array(5),
  after: new Uint8Array(5).fill(1),
});

const thread = (tid: number, pc: number, ...words: number[]) => ({
  tid,
  pc,
  stack: stackOf(words.map(BigInt), 0),
});

describe('hazards', () => {
  it('are the overwritten bytes but for the first, where the new instruction begins', () => {
    const hazards = hazardsOf([write()], [entryOf(false)]);
    for (let at = ENTRY; at < ENTRY + 48; at++) {
      const expected = at > ENTRY + 4 && at < ENTRY + 9;
      expect(hazards.some(({ range }) => contains(range, at))).toBe(expected);
      expect(findBusy([thread(1, at)], new HazardSearch(hazards)).length > 0).toBe(expected);
      expect(findBusy([thread(1, 0, 0, at)], new HazardSearch(hazards)).length > 0).toBe(expected);
    }
  });

  it('are the whole function where its own branches lead back into them', () => {
    const hazards = hazardsOf([write()], [entryOf(true)]);
    for (let at = ENTRY + 1; at < ENTRY + 48; at++) {
      const [busy] = findBusy([thread(1, at)], new HazardSearch(hazards));
      expect(busy?.hazard.function).toBe('f1');
    }
    expect(findBusy([thread(1, ENTRY + 48)], new HazardSearch(hazards))).toEqual([]);
  });

  it('are the entry too where branches lead back: a loop may have come round to it', () => {
    const record = {
      ...entryOf(true),
      originals: [{ address: addr(ENTRY), bytes: new Uint8Array(5) }],
    };
    const hazards = hazardsOf([{ ...write(), address: addr(ENTRY) }], [record]);
    expect(findBusy([thread(1, ENTRY)], new HazardSearch(hazards))).toHaveLength(1);
  });

  it('name each thread that is in the way once, with the function', () => {
    const other = ENTRY + 0x1000;
    const hazards = hazardsOf(
      [write(), write(other)],
      [entryOf(false), entryOf(false, other, 'f2')],
    );
    const busy = findBusy(
      [
        thread(1, 0x1000, 5, other + 5, ENTRY + 5),
        thread(2, 0x1000, 5, 6),
        thread(3, ENTRY + 8, other + 5),
      ],
      new HazardSearch(hazards),
    );
    expect(busy.map(({ tid, hazard }) => [tid, hazard.function])).toEqual([
      [1, 'f2'],
      [3, 'f1'],
    ]);
  });

  it('cover the island of a redirect as well', () => {
    const record: EntryRecord = {
      ...entryOf(false),
      originals: [
        { address: addr(ENTRY + 100), bytes: new Uint8Array(5) },
        { address: addr(ENTRY), bytes: new Uint8Array(2) },
      ],
    };
    const writes = record.originals.map(({ address, bytes }) => ({
      address,
      before: bytes,
      after: bytes.map(() => 1),
    }));
    const hazards = hazardsOf(writes, [record]);
    expect(findBusy([thread(1, ENTRY + 1)], new HazardSearch(hazards))).toHaveLength(1);
    expect(findBusy([thread(1, ENTRY + 104)], new HazardSearch(hazards))).toHaveLength(1);
    expect(findBusy([thread(1, ENTRY + 2)], new HazardSearch(hazards))).toHaveLength(0);
  });
});
