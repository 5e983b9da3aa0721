import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jumps } from '../../src/arch/x86-64/jumps.js';
import { type Addr, addr, offsetBy } from '../../src/core/address.js';
import { isHcrError } from '../../src/core/failure.js';
import {
  type Body,
  type CodeWrite,
  EMPTY_LEDGER,
  type EntryRecord,
} from '../../src/patch/ledger.js';
import { entryBytes, writesBetween, writesTo } from '../../src/patch/plan.js';
import { FakeMemory } from './fake-memory.js';

const CODE = 0x401000;
const SPACING = 0x100;
const BODIES = 0x600000;

/** Functions 256 bytes apart; some of them are redirected through an island behind their own. */
const scene = fc
  .array(
    fc.record({
      original: fc.uint8Array({ minLength: SPACING, maxLength: SPACING }),
      isIsland: fc.boolean(),
      landingPad: fc.boolean(),
      from: fc.option(fc.nat(3), { nil: undefined }),
      to: fc.option(fc.nat(3), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((functions) => {
    const code = new Uint8Array(functions.length * SPACING);
    const from = new Map<Addr, Body>();
    const to = new Map<Addr, Body>();
    const entries = functions.map((fn, i): EntryRecord => {
      code.set(fn.original, i * SPACING);
      const entry = addr(CODE + i * SPACING);
      const bodies: [Map<Addr, Body>, number | undefined][] = [
        [from, fn.from],
        [to, fn.to],
      ];
      for (const [map, version] of bodies) {
        if (version !== undefined)
          map.set(entry, bodyOf(entry, BODIES + i * 0x1000 + version * 64));
      }
      const at = offsetBy(entry, fn.landingPad ? 4 : 0);
      const island = offsetBy(entry, 100);
      const places = fn.isIsland
        ? [
            [island, 5],
            [at, 2],
          ]
        : [[at, 5]];
      const originals = places.map(([address = 0, sizeBytes = 0]) => ({
        address: addr(address),
        bytes: code.slice(address - CODE, address - CODE + sizeBytes),
      }));
      return { entry, name: `f${i}`, module: 'm', sizeBytes: 32, originals, branchesBack: false };
    });
    return { code, entries, from, to };
  });

function bodyOf(entry: Addr, start: number): Body {
  return {
    name: 'f',
    module: 'm',
    entry,
    start: addr(start),
    sizeBytes: 32,
    cold: [],
    target: addr(start),
    fingerprint: '',
    reason: 'requested',
  };
}

function apply(memory: FakeMemory, writes: readonly CodeWrite[]): void {
  for (const { address, before, after } of writes) {
    expect(memory.read(address, before.length)).toEqual(before);
    expect(after.length).toBe(before.length);
    memory.write(address, after);
  }
}

/** Follows what the processor would run at an entry, from its place on: the body it arrives at, or
 *  undefined when it runs the original code. */
function arrivesAt(
  memory: FakeMemory,
  entry: EntryRecord,
  original: FakeMemory,
): number | undefined {
  const place = entry.originals.at(-1);
  if (place === undefined) throw new Error('an entry without a place');
  const read = (at: Addr, length: number): Uint8Array => memory.read(at, length);
  const first = read(place.address, place.bytes.length);
  if (Buffer.compare(first, original.read(place.address, place.bytes.length)) === 0)
    return undefined;
  let at: Addr = place.address;
  if (first[0] === 0xeb) {
    at = offsetBy(at, 2 + (new DataView(first.buffer).getInt8(1) | 0));
    expect(at).toBe(entry.originals[0]?.address);
  }
  const jump = read(at, 5);
  expect(jump[0]).toBe(0xe9);
  return at + 5 + new DataView(jump.buffer).getInt32(1, true);
}

describe('writesBetween', () => {
  it('makes every entry lead where it should', () => {
    fc.assert(
      fc.property(scene, ({ code, entries, from, to }) => {
        const original = new FakeMemory(CODE, code);
        const memory = new FakeMemory(CODE, code);
        apply(memory, writesBetween(entries, new Map(), from, jumps));
        apply(memory, writesBetween(entries, from, to, jumps));
        for (const entry of entries) {
          const wanted = to.get(entry.entry)?.start;
          expect(arrivesAt(memory, entry, original)).toBe(wanted);
        }
      }),
    );
  });

  it('gives the original bytes back, however often they were changed before', () => {
    fc.assert(
      fc.property(scene, ({ code, entries, from, to }) => {
        const memory = new FakeMemory(CODE, code);
        const states = [new Map<Addr, Body>(), from, to, from, to, new Map<Addr, Body>()];
        states.slice(1).forEach((next, i) => {
          apply(memory, writesBetween(entries, states[i] ?? new Map(), next, jumps));
        });
        expect(memory.read(memory.start, code.length)).toEqual(code);
      }),
    );
  });

  it('from a state and back are each other undone', () => {
    fc.assert(
      fc.property(scene, ({ code, entries, from, to }) => {
        const memory = new FakeMemory(CODE, code);
        apply(memory, writesBetween(entries, new Map(), from, jumps));
        const before = memory.read(memory.start, code.length);
        apply(memory, writesBetween(entries, from, to, jumps));
        apply(memory, writesBetween(entries, to, from, jumps));
        expect(memory.read(memory.start, code.length)).toEqual(before);
      }),
    );
  });

  it('leaves every entry at its old or its new code after each single write', () => {
    fc.assert(
      fc.property(scene, ({ code, entries, from, to }) => {
        const original = new FakeMemory(CODE, code);
        const memory = new FakeMemory(CODE, code);
        apply(memory, writesBetween(entries, new Map(), from, jumps));
        for (const write of writesBetween(entries, from, to, jumps)) {
          apply(memory, [write]);
          for (const entry of entries) {
            const states = [from.get(entry.entry)?.start, to.get(entry.entry)?.start];
            expect(states).toContain(arrivesAt(memory, entry, original));
          }
        }
      }),
    );
  });

  it('touches no byte but those of the places, and none that stays as it is', () => {
    fc.assert(
      fc.property(scene, ({ entries, from, to }) => {
        for (const { address, before, after } of writesBetween(entries, from, to, jumps)) {
          expect(before).not.toEqual(after);
          const owner = entries.find(({ originals }) =>
            originals.some(
              (place) => place.address === address && place.bytes.length === before.length,
            ),
          );
          expect(owner).toBeDefined();
          if (owner !== undefined) {
            expect(from.get(owner.entry)?.start).not.toBe(to.get(owner.entry)?.start);
          }
        }
      }),
    );
  });
});

describe('a redirect', () => {
  it('to a body further than 2 GiB away is refused as out-of-reach', () => {
    const entry: EntryRecord = {
      entry: addr(CODE),
      name: 'f',
      module: 'm',
      sizeBytes: 16,
      originals: [{ address: addr(CODE), bytes: new Uint8Array(5) }],
      branchesBack: false,
    };
    let refusal: unknown;
    try {
      entryBytes(entry, bodyOf(entry.entry, CODE + 2 ** 31 + 5), jumps);
    } catch (error) {
      refusal = error;
    }
    expect(isHcrError(refusal, 'out-of-reach')).toBe(true);
    expect(entryBytes(entry, bodyOf(entry.entry, CODE + 2 ** 31 + 4), jumps)).toHaveLength(1);
  });
});

describe('writesTo', () => {
  it('is nothing for the generation that is live', () => {
    expect(writesTo(EMPTY_LEDGER, 0, jumps)).toEqual([]);
  });
});
