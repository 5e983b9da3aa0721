import { createHash } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addr } from '../../src/core/address.js';
import { HcrError, isHcrError } from '../../src/core/failure.js';
import { EMPTY_LEDGER, type Ledger } from '../../src/patch/ledger.js';
import {
  SLOT_HEADER_BYTES,
  type Slot,
  decodeSlot,
  encodeSlot,
  isBlank,
} from '../../src/patch/ledger-codec.js';
import { LEDGER_SLOT_BYTES } from '../../src/ptrace/patch-area.js';
import { arbitraryLedger } from './arbitrary-ledger.js';

const SLOT_BYTES = 1 << 18;
const PID = 4711;

const arbitrarySlot: fc.Arbitrary<Slot> = fc.record({
  sequence: fc.nat(2 ** 31),
  ledger: arbitraryLedger,
});

/** The slot's bytes where they will be: with the rest of the slot behind them. */
function inSlot(bytes: Uint8Array, slotBytes = bytes.length + 64): Uint8Array {
  const whole = new Uint8Array(slotBytes);
  whole.set(bytes);
  return whole;
}

/** What a reader of hostile bytes may do: give a slot, give nothing, or say `ledger-corrupt`. */
function decode(bytes: Uint8Array): Slot | 'nothing' | 'corrupt' {
  try {
    return decodeSlot(bytes, PID) ?? 'nothing';
  } catch (error) {
    if (isHcrError(error, 'ledger-corrupt')) return 'corrupt';
    throw error;
  }
}

/** Any payload with a checksum that fits, as a program could forge it. */
function forge(payload: string | Uint8Array, sequence = 1n): Uint8Array {
  const content = Buffer.from(payload);
  const bytes = Buffer.alloc(SLOT_HEADER_BYTES + content.length);
  bytes.write('hcrledg1', 0, 'latin1');
  bytes.writeBigUInt64LE(sequence, 8);
  bytes.writeBigUInt64LE(BigInt(content.length), 16);
  bytes.set(content, SLOT_HEADER_BYTES);
  bytes.writeUInt32LE(crc32(content, crc32(bytes.subarray(0, 24))), 24);
  return bytes;
}

function thousandsOfFunctions(generations: number): Ledger {
  const sizeBytes = 1 << 24;
  const start = addr(0x7000_0000);
  const code = addr(start + 0x2000);
  const parts = {
    data: { start, end: addr(start + 0x1000) },
    readonly: { start: addr(start + 0x1000), end: code },
    code: { start: code, end: addr(start + sizeBytes) },
  };
  const functions = Array.from({ length: 1000 }, (_, index) => ({
    name: `function_${index}`,
    module: '/srv/programs/a-program-with-many-functions',
    entry: addr(0x40_0000 + 64 * index),
  }));
  const bytes = Uint8Array.of(0x55, 0x48, 0x89, 0xe5, 0x90);
  return {
    ...EMPTY_LEDGER,
    areas: [{ start, sizeBytes, parts }],
    entries: functions.map((site) => ({
      ...site,
      sizeBytes: 64,
      originals: [{ address: site.entry, bytes }],
      branchesBack: false,
    })),
    generations: Array.from({ length: generations }, (_, parent) => ({
      number: parent + 1,
      parent,
      publishedAt: '2026-11-21T20:00:00.000Z',
      bodies: functions.map((site, index) => {
        const body = addr(code + 64 * (1000 * parent + index));
        const fingerprint = createHash('sha256').update(`${body}`).digest('base64');
        const place = { start: body, sizeBytes: 64, cold: [], target: body };
        return { ...site, ...place, fingerprint, reason: 'requested' as const };
      }),
      blocks: [],
      variables: [],
      frameIndexes: [],
      retired: false,
    })),
    current: generations,
  };
}

describe('a ledger slot', () => {
  it('gives back every ledger that was put into it', () => {
    fc.assert(
      fc.property(arbitrarySlot, (slot) => {
        expect(decode(inSlot(encodeSlot(slot, SLOT_BYTES)))).toEqual(slot);
      }),
    );
  });

  it('never takes more than the slot: a larger record is refused before it is written', () => {
    fc.assert(
      fc.property(arbitrarySlot, (slot) => {
        const { length } = encodeSlot(slot, SLOT_BYTES);
        expect(encodeSlot(slot, length).length).toBe(length);
        let refusal: unknown;
        try {
          encodeSlot(slot, length - 1);
        } catch (error) {
          refusal = error;
        }
        expect(isHcrError(refusal, 'out-of-memory')).toBe(true);
      }),
    );
  });

  it('holds many patches of a thousand functions each', () => {
    const ledger = thousandsOfFunctions(5);
    const slot = encodeSlot({ sequence: 1, ledger }, LEDGER_SLOT_BYTES);
    expect(slot.length).toBeLessThan(LEDGER_SLOT_BYTES * 0.75);
    expect(decode(inSlot(slot))).toEqual({ sequence: 1, ledger });
  });

  it('holds no more than hcr ever writes, however it is compressed', () => {
    expect(decode(inSlot(forge(deflateSync(Buffer.alloc(65 << 20, ' ')))))).toBe('corrupt');
    expect(decode(inSlot(forge(deflateSync(Buffer.from('{"areas":1}')))))).toBe('corrupt');
    expect(decode(inSlot(forge(Uint8Array.of(0x78, 1, 2, 3))))).toBe('corrupt');
  });

  it('holds nothing while it is blank', () => {
    expect(isBlank(new Uint8Array(SLOT_HEADER_BYTES))).toBe(true);
    expect(isBlank(encodeSlot({ sequence: 1, ledger: EMPTY_LEDGER }, SLOT_BYTES))).toBe(false);
    expect(decode(new Uint8Array(4096))).toBe('nothing');
  });

  it('that is cut off anywhere holds nothing', () => {
    const bytes = encodeSlot(
      fc.sample(arbitrarySlot, { numRuns: 1, seed: 7 })[0] ?? fail(),
      SLOT_BYTES,
    );
    for (let end = 0; end < bytes.length; end++) {
      expect(decode(bytes.subarray(0, end))).toBe('nothing');
    }
  });

  it('of which one byte changed holds nothing, or what it held', () => {
    fc.assert(
      fc.property(arbitrarySlot, fc.nat(), fc.integer({ min: 1, max: 255 }), (slot, at, flip) => {
        const bytes = inSlot(encodeSlot(slot, SLOT_BYTES));
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ flip;
        const found = decode(bytes);
        // Bytes that carry nothing may change: the header's last four, and what follows the record.
        if (found !== 'nothing') expect(found).toEqual(slot);
      }),
      { numRuns: 400 },
    );
  });

  it('that was scribbled over holds nothing', () => {
    fc.assert(
      fc.property(
        arbitrarySlot,
        fc.nat(),
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        (slot, at, scribble) => {
          const bytes = Uint8Array.from(encodeSlot(slot, SLOT_BYTES));
          const start = at % bytes.length;
          const before = bytes.slice();
          bytes.set(scribble.subarray(0, bytes.length - start), start);
          const found = decode(bytes);
          if (before.every((byte, i) => byte === bytes[i])) expect(found).toEqual(slot);
          else if (found !== 'nothing') expect(found).toEqual(slot);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('holds the old record, the new one or none however far the write of a new one came', () => {
    fc.assert(
      fc.property(arbitrarySlot, arbitrarySlot, fc.nat(), (old, fresh, cut) => {
        const before = inSlot(encodeSlot(old, SLOT_BYTES), SLOT_BYTES);
        const bytes = encodeSlot(fresh, SLOT_BYTES);
        // As the store writes it: the payload first, then the header.
        const order = [...bytes.keys()]
          .slice(SLOT_HEADER_BYTES)
          .concat([...Array(SLOT_HEADER_BYTES).keys()]);
        const done = cut % (order.length + 1);
        for (const index of order.slice(0, done)) before[index] = bytes[index] ?? 0;
        const found = decode(before);
        if (found === 'nothing') expect(done).toBeLessThan(order.length);
        else expect([old, fresh]).toContainEqual(found);
      }),
      { numRuns: 150 },
    );
  });

  it('is never more than corrupt, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decode(bytes)).toBe('nothing');
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
        expect(['nothing', 'corrupt']).toContain(decode(forge(payload)));
      }),
    );
  });
});

describe('a record with a good checksum', () => {
  it('is read when it is hcr’s own', () => {
    expect(decode(forge(JSON.stringify(EMPTY_LEDGER), 5n))).toEqual({
      sequence: 5,
      ledger: EMPTY_LEDGER,
    });
  });

  it('is corrupt when it is any other JSON', () => {
    fc.assert(
      fc.property(fc.json(), (payload) => {
        expect(decode(forge(payload))).toBe('corrupt');
      }),
      { numRuns: 300 },
    );
  });

  it.each(['', '{', '[[[', 'null', '"x"', '1e999', '['.repeat(200_000), '{"areas":{}}'])(
    'is corrupt when it is other text (%#)',
    (payload) => {
      expect(decode(forge(payload))).toBe('corrupt');
    },
  );

  it('is corrupt, or read as something that fits together, when any value of it was replaced', () => {
    fc.assert(
      fc.property(
        arbitraryLedger,
        fc.nat(),
        fc.jsonValue({ maxDepth: 1 }),
        (ledger, where, value) => {
          const json: unknown = JSON.parse(
            Buffer.from(
              encodeSlot({ sequence: 1, ledger }, SLOT_BYTES).subarray(SLOT_HEADER_BYTES),
            ).toString(),
          );
          const places = placesIn(json);
          const place = places[where % places.length];
          if (place !== undefined) place.holder[place.key] = value;
          const found = decode(forge(JSON.stringify(json)));
          expect(found).not.toBe('nothing');
          if (typeof found === 'object') expectConsistent(found.ledger);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

const ENTRY = {
  entry: addr(0x401000),
  name: 'f1',
  module: '/bin/prog',
  sizeBytes: 64,
  originals: [{ address: addr(0x401000), bytes: Uint8Array.of(1, 2, 3, 4, 5) }],
  branchesBack: false,
};

/** The record of a program that was patched once, as a program could write it into its memory. */
function forgeLedger(changes: Readonly<Record<string, unknown>>): Uint8Array {
  const ledger = { ...EMPTY_LEDGER, entries: [ENTRY], ...changes };
  return forge(
    JSON.stringify(ledger, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
    ),
  );
}

/** Nothing of this can come from hcr, and acting on it would break the program. */
describe('a record that makes no sense is corrupt', () => {
  const pending = { from: 0, to: 0, created: false, writes: [] };

  it('unless it does make sense', () => {
    expect(decode(forgeLedger({}))).toMatchObject({ ledger: { entries: [ENTRY] } });
    expect(decode(forgeLedger({ pending }))).toMatchObject({ ledger: { pending } });
  });

  it('when an entry has no place to be redirected at, or more than hcr ever uses', () => {
    const place = ENTRY.originals[0];
    expect(decode(forgeLedger({ entries: [{ ...ENTRY, originals: [] }] }))).toBe('corrupt');
    const entries = [{ ...ENTRY, originals: [place, place, place] }];
    expect(decode(forgeLedger({ entries }))).toBe('corrupt');
  });

  it('when an original place is empty', () => {
    const originals = [{ address: addr(0x401000), bytes: new Uint8Array() }];
    expect(decode(forgeLedger({ entries: [{ ...ENTRY, originals }] }))).toBe('corrupt');
  });

  it('when the same entry is recorded twice', () => {
    expect(decode(forgeLedger({ entries: [ENTRY, ENTRY] }))).toBe('corrupt');
  });

  it('when the publication under way is between generations that are not recorded', () => {
    expect(decode(forgeLedger({ pending: { ...pending, to: 7 } }))).toBe('corrupt');
    expect(decode(forgeLedger({ pending: { ...pending, from: 7 } }))).toBe('corrupt');
  });

  it('when the publication under way writes where no entry is', () => {
    const write = { address: addr(0x500000), before: Uint8Array.of(1), after: Uint8Array.of(2) };
    expect(decode(forgeLedger({ pending: { ...pending, writes: [write] } }))).toBe('corrupt');
  });
});

/** One area with a generation in it, as a program could write it. */
function forgeArea(changes: Readonly<Record<string, unknown>>, body: object = {}): Uint8Array {
  const at = (offset: number) => addr(0x10_0000 + offset);
  const area = {
    start: at(0),
    sizeBytes: 0x4000,
    parts: {
      data: { start: at(0x1000), end: at(0x2000) },
      readonly: { start: at(0x2000), end: at(0x3000) },
      code: { start: at(0x3000), end: at(0x4000) },
    },
  };
  const generation = {
    ...{ number: 1, parent: 0, publishedAt: '', blocks: [], retired: false },
    ...{ variables: [], frameIndexes: [] },
    bodies: [
      {
        ...{
          name: 'f1',
          module: '/bin/prog',
          entry: ENTRY.entry,
          start: at(0x3000),
          sizeBytes: 64,
        },
        ...{ cold: [], target: at(0x3000), fingerprint: '', reason: 'requested', ...body },
      },
    ],
  };
  return forgeLedger({ areas: [area], generations: [generation], current: 1, ...changes });
}

describe('a record that leads out of the memory of hcr is corrupt', () => {
  it('unless it does not', () => {
    expect(decode(forgeArea({}))).toMatchObject({ sequence: 1 });
  });

  it.each([
    ['starts before the code of an area', { start: 0x10_2fff }],
    ['ends behind it', { sizeBytes: 0x1001 }],
    ['is entered elsewhere', { target: 0x40_1000 }],
    ['has a rarely run part elsewhere', { cold: [{ start: 0, end: 16 }] }],
  ])('when a body %s', (_, body) => {
    expect(decode(forgeArea({}, body))).toBe('corrupt');
  });

  it('when areas overlap', () => {
    const json = JSON.parse(
      Buffer.from(forgeArea({}).subarray(SLOT_HEADER_BYTES)).toString(),
    ) as Ledger;
    expect(decode(forgeArea({ areas: [...json.areas, ...json.areas] }))).toBe('corrupt');
  });

  it('when a redirect is far from its function, or no jump is so long', () => {
    const original = (address: number, length: number) => ({
      entries: [{ ...ENTRY, originals: [{ address, bytes: new Uint8Array(length).fill(1) }] }],
    });
    expect(decode(forgeLedger(original(0x401000, 5)))).toMatchObject({ sequence: 1 });
    expect(decode(forgeLedger(original(0x402000, 5)))).toBe('corrupt');
    expect(decode(forgeLedger(original(0x401000, 64)))).toBe('corrupt');
  });

  it('when it has been written more often than can be counted', () => {
    expect(decode(forge(JSON.stringify(EMPTY_LEDGER), 2n ** 64n - 1n))).toBe('corrupt');
  });
});

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesIn(holder[key])]);
}

/** What everything that reads a ledger relies on. */
function expectConsistent(ledger: Ledger): void {
  const numbers = [0, ...ledger.generations.map(({ number }) => number)];
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(numbers).toContain(ledger.current);
  for (const { parent, number, blocks } of ledger.generations) {
    expect(parent).toBeLessThan(number);
    expect(numbers).toContain(parent);
    for (const block of blocks) {
      const home = ledger.areas.find(
        ({ parts }) =>
          block.start >= parts[block.part].start &&
          block.start + block.sizeBytes <= parts[block.part].end,
      );
      expect(home).toBeDefined();
    }
  }
  for (const { before, after } of ledger.pending?.writes ?? []) {
    expect(before.length).toBe(after.length);
  }
}

function fail(): never {
  throw new HcrError({ code: 'unexpected', detail: 'no sample' });
}
