import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Addr, addr } from '../../src/core/address.js';
import { decodeSlot, encodeSlot, plainBytes } from '../../src/patch/ledger-codec.js';
import {
  type Body,
  EMPTY_LEDGER,
  type GenerationRecord,
  type Ledger,
  bodiesAt,
  nextGeneration,
  usedBytes,
} from '../../src/patch/ledger.js';
import {
  forgetRetired,
  rangesOf,
  retire,
  runnableGenerations,
  supersededGenerations,
} from '../../src/patch/retire.js';

const AREA_BYTES = 1 << 20;
const BODY_BYTES = 0x100;
const AREA_START = addr(0x7000_0000);
/** Below the first body. */
const CODE_START = addr(AREA_START + BODY_BYTES);
const AREA = {
  start: AREA_START,
  sizeBytes: AREA_BYTES,
  parts: {
    data: { start: AREA_START, end: CODE_START },
    readonly: { start: CODE_START, end: CODE_START },
    code: { start: CODE_START, end: addr(AREA_START + AREA_BYTES) },
  },
};

interface Change {
  readonly entry: number;
  readonly kind: 'patch' | 'original' | 'new';
}

function publish(ledger: Ledger, changes: readonly Change[], hasVariable = false): Ledger {
  const number = nextGeneration(ledger);
  const bodies = changes.map(({ entry, kind }, i): Body => {
    const place = addr(AREA_START + (number * 8 + i) * BODY_BYTES);
    const start = kind === 'original' ? addr(entry) : place;
    return {
      name: `f${entry}`,
      module: '/bin/prog',
      entry: kind === 'new' ? place : addr(entry),
      start,
      sizeBytes: BODY_BYTES,
      cold: [],
      target: start,
      fingerprint: '',
      reason: kind === 'new' ? 'new' : 'requested',
    };
  });
  const generation: GenerationRecord = {
    number,
    parent: ledger.current,
    publishedAt: '2026-01-01T00:00:00.000Z',
    bodies,
    blocks: bodies
      .filter(({ start }) => start >= AREA_START)
      .map(({ start, sizeBytes }) => ({ part: 'code', start, sizeBytes })),
    variables: hasVariable
      ? [{ module: 'm', key: `k${number}`, start: AREA_START, sizeBytes: 4 }]
      : [],
    frameIndexes: [],
    retired: false,
  };
  return { ...ledger, generations: [...ledger.generations, generation], current: number };
}

const patchOf = (...entries: number[]): Change[] =>
  entries.map((entry) => ({ entry, kind: 'patch' }));
const numbersOf = (generations: readonly GenerationRecord[]): number[] =>
  generations.map(({ number }) => number);
const START: Ledger = { ...EMPTY_LEDGER, areas: [AREA] };

describe('superseded', () => {
  it('are the generations of a function but the last', () => {
    let ledger = START;
    for (let i = 0; i < 4; i++) ledger = publish(ledger, patchOf(0x1000));
    expect(numbersOf(supersededGenerations(ledger))).toEqual([1, 2, 3]);
  });

  it('is one that was gone back from', () => {
    const ledger = { ...publish(publish(START, patchOf(0x1000)), patchOf(0x1000)), current: 1 };
    expect(numbersOf(supersededGenerations(ledger))).toEqual([2]);
  });

  it('is none of which one body is live, that brought a new function or a new variable', () => {
    let ledger = publish(START, patchOf(0x1000, 0x2000));
    ledger = publish(ledger, patchOf(0x1000));
    ledger = publish(ledger, [...patchOf(0x1000), { entry: 0, kind: 'new' }]);
    ledger = publish(ledger, patchOf(0x1000), true);
    ledger = publish(ledger, patchOf(0x1000));
    expect(numbersOf(supersededGenerations(ledger))).toEqual([2]);
  });

  it('is not what is live while nothing of hcr is', () => {
    const ledger = { ...publish(START, patchOf(0x1000)), current: 0 };
    expect(numbersOf(supersededGenerations(ledger))).toEqual([1]);
  });
});

describe('retired', () => {
  const holding = (ledger: Ledger): number[] =>
    numbersOf(ledger.generations.filter(({ blocks }) => blocks.length > 0));

  it('give back what no generation that stays was live with', () => {
    let ledger = publish(START, patchOf(0x1000, 0x2000));
    ledger = publish(ledger, patchOf(0x1000));
    ledger = publish(ledger, patchOf(0x2000));
    // f of generation 2 is live, and was compiled beside g of generation 1.
    expect(numbersOf(supersededGenerations(ledger))).toEqual([1]);
    ledger = retire(ledger, new Set([1]));
    expect(holding(ledger)).toEqual([1, 2, 3]);
    expect([...runnableGenerations(ledger)].sort()).toEqual([1, 2, 3]);
    ledger = publish(publish(ledger, patchOf(0x1000)), patchOf(0x2000));
    expect(numbersOf(supersededGenerations(ledger))).toEqual([1, 2, 3]);
    expect(holding(retire(ledger, new Set([1, 2])))).toEqual([1, 2, 3, 4, 5]);
    expect(holding(retire(ledger, new Set([1, 2, 3])))).toEqual([2, 3, 4, 5]);
  });

  it.each([2, 3, 10])('leave few behind when %i functions are patched in turn', (functions) => {
    let ledger = START;
    for (let i = 0; i < 200; i++) {
      ledger = publish(ledger, patchOf(0x1000 * (1 + (i % functions))));
      ledger = forgetRetired(retire(ledger, new Set(numbersOf(supersededGenerations(ledger)))));
    }
    // The live ones, what can be gone back to through them, and what callers in those were made with.
    expect(holding(ledger)).toHaveLength(3 * functions - 2);
    expect(ledger.generations).toHaveLength(3 * functions - 2);
    expect(nextGeneration(ledger)).toBe(201);
  });

  it('give their memory back and keep their record until it is forgotten', () => {
    let ledger = START;
    for (let i = 0; i < 3; i++) ledger = publish(ledger, patchOf(0x1000));
    const used = usedBytes(ledger);
    ledger = retire(ledger, new Set([1, 2]));
    expect(usedBytes(ledger)).toBe(used / 3);
    expect(ledger.generations.map(({ retired }) => retired)).toEqual([true, true, false]);
    expect(rangesOf(ledger.generations[0] ?? expect.fail())).toEqual([]);
    expect(supersededGenerations(ledger)).toEqual([]);
    const short = forgetRetired(ledger);
    expect(short.generations).toEqual([{ ...ledger.generations[2], parent: 0 }]);
    expect(plainBytes(short)).toBeLessThan(plainBytes(ledger));
  });

  it('are remembered as long as they say that original code is back', () => {
    let ledger = publish(START, patchOf(0x1000, 0x2000));
    ledger = publish(ledger, [{ entry: 0x1000, kind: 'original' }]);
    ledger = publish(ledger, patchOf(0x3000));
    expect(numbersOf(supersededGenerations(ledger))).toEqual([2]);
    const short = forgetRetired(retire(ledger, new Set([2])));
    expect([...bodiesAt(short, 3).keys()]).toEqual([0x2000, 0x3000]);
  });
});

const change: fc.Arbitrary<Change> = fc.record({
  entry: fc.constantFrom(0x1000, 0x2000, 0x3000, 0x4000),
  kind: fc.constantFrom('patch', 'patch', 'patch', 'original', 'new'),
});
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      changes: fc.uniqueArray(change, {
        selector: ({ entry }) => entry,
        minLength: 1,
        maxLength: 3,
      }),
      hasVariable: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ rollBack: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({ unreferenced: fc.array(fc.boolean()), forget: fc.boolean() }),
  },
);

/** Where entries lead, which is all that matters of a generation. */
const startsOf = (bodies: ReadonlyMap<Addr, Body>): Map<number, number> =>
  new Map([...bodies].map(([entry, { start }]) => [entry, start]));

it('whatever is retired and forgotten, the generations that are kept stay what they were', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (story) => {
      let ledger = START;
      const states = new Map<number, ReadonlyMap<number, number>>([[0, new Map()]]);
      for (const action of story) {
        if ('changes' in action) {
          const highest = Math.max(...states.keys());
          ledger = publish(ledger, action.changes, action.hasVariable);
          expect(ledger.current).toBe(highest + 1);
          states.set(ledger.current, startsOf(bodiesAt(ledger, ledger.current)));
        } else if ('rollBack' in action) {
          const kept = [0, ...numbersOf(ledger.generations.filter(({ retired }) => !retired))];
          ledger = { ...ledger, current: kept[action.rollBack % kept.length] ?? 0 };
        } else {
          const free = supersededGenerations(ledger).filter(
            (_, i) => action.unreferenced[i] ?? true,
          );
          ledger = retire(ledger, new Set(numbersOf(free)));
          if (action.forget) ledger = forgetRetired(ledger);
        }
        // It survives the way through the target, and nothing live was given back.
        expect(decodeSlot(encodeSlot({ sequence: 1, ledger }, 1 << 20), 1)?.ledger).toEqual(ledger);
        const given = new Set(
          ledger.generations.flatMap(({ blocks }) => blocks.map(({ start }) => Number(start))),
        );
        for (const number of [0, ...runnableGenerations(ledger)]) {
          const state = startsOf(bodiesAt(ledger, number));
          expect(state).toEqual(states.get(number));
          for (const start of state.values()) expect(given).toContain(start);
        }
      }
    }),
    { numRuns: 500 },
  );
});
