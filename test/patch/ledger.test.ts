import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Addr, addr } from '../../src/core/address.js';
import {
  type Body,
  EMPTY_LEDGER,
  type Ledger,
  bodiesAt,
  lineage,
  newVariables,
  nextGeneration,
  usedBytes,
} from '../../src/patch/ledger.js';

const ENTRIES = [0x1000, 0x2000, 0x3000, 0x4000];

/** What one publication does to an entry: a new body, or its original code again. */
type Change = { readonly entry: number; readonly original: boolean };
type Step = { readonly publish: readonly Change[] } | { readonly rollBack: number };

const change = fc.record({ entry: fc.constantFrom(...ENTRIES), original: fc.boolean() });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc
      .uniqueArray(change, { selector: ({ entry }) => entry, maxLength: 4 })
      .map((publish) => ({ publish })),
    fc.nat().map((rollBack) => ({ rollBack })),
  ),
  { maxLength: 20 },
);

interface History {
  readonly ledger: Ledger;
  /** What the model says each generation is: the body of each redirected entry. */
  readonly states: ReadonlyMap<number, ReadonlyMap<number, number>>;
}

/** Plays the steps twice: into a ledger, and into whole copies of the state of each generation. */
function play(story: readonly Step[]): History {
  let ledger = EMPTY_LEDGER;
  const states = new Map<number, ReadonlyMap<number, number>>([[0, new Map()]]);
  let nextBody = 0x100000;
  for (const step of story) {
    if ('rollBack' in step) {
      const numbers = [...states.keys()];
      ledger = { ...ledger, current: numbers[step.rollBack % numbers.length] ?? 0 };
      continue;
    }
    const number = nextGeneration(ledger);
    const state = new Map(states.get(ledger.current));
    const bodies = step.publish.map(({ entry, original }): Body => {
      const start = original ? entry : (nextBody += 0x100);
      if (original) state.delete(entry);
      else state.set(entry, start);
      return bodyOf(entry, start);
    });
    states.set(number, state);
    const generation = {
      number,
      parent: ledger.current,
      publishedAt: '2026-01-01T00:00:00.000Z',
      bodies,
      blocks: [],
      variables: [],
      frameIndexes: [],
      retired: false,
    };
    ledger = { ...ledger, generations: [...ledger.generations, generation], current: number };
  }
  return { ledger, states };
}

function bodyOf(entry: number, start: number, reason: Body['reason'] = 'requested'): Body {
  return {
    name: `f${entry}`,
    module: '/bin/prog',
    entry: addr(entry),
    start: addr(start),
    sizeBytes: 64,
    cold: [],
    target: addr(start),
    fingerprint: '',
    reason,
  };
}

const startsOf = (bodies: ReadonlyMap<Addr, Body>): Map<number, number> =>
  new Map([...bodies].map(([entry, { start }]) => [entry, start]));

describe('the ledger', () => {
  it('knows what every generation is, after any history of patches and roll backs', () => {
    fc.assert(
      fc.property(steps, (story) => {
        const { ledger, states } = play(story);
        for (const [number, state] of states) {
          expect(startsOf(bodiesAt(ledger, number))).toEqual(state);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never uses a generation number twice', () => {
    fc.assert(
      fc.property(steps, (story) => {
        const { ledger } = play(story);
        const numbers = ledger.generations.map(({ number }) => number);
        expect(numbers).toEqual(numbers.map((_, i) => i + 1));
        expect(nextGeneration(ledger)).toBe(numbers.length + 1);
      }),
    );
  });

  it('walks from a generation to the original program, each one once', () => {
    fc.assert(
      fc.property(steps, (story) => {
        const { ledger, states } = play(story);
        for (const number of states.keys()) {
          const line = lineage(ledger, number);
          expect(line[0]?.number ?? 0).toBe(number);
          line.forEach(({ parent }, i) => expect(parent).toBe(line[i + 1]?.number ?? 0));
        }
      }),
    );
  });

  it('ends its walk when damage has made a generation its own ancestor', () => {
    const generation = (number: number, parent: number) => ({
      number,
      parent,
      publishedAt: '',
      bodies: [],
      blocks: [],
      variables: [],
      frameIndexes: [],
      retired: false,
    });
    const ledger: Ledger = {
      ...EMPTY_LEDGER,
      generations: [generation(1, 2), generation(2, 1)],
      current: 2,
    };
    expect(lineage(ledger, 2).length).toBeLessThanOrEqual(3);
    expect(lineage(ledger, 9)).toEqual([]);
  });

  it('keeps a function that a patch added at its own address', () => {
    const added = bodyOf(0x900000, 0x900000, 'new');
    const { ledger } = play([]);
    const generation = {
      number: 1,
      parent: 0,
      publishedAt: '',
      bodies: [added],
      blocks: [{ part: 'code' as const, start: addr(0x900000), sizeBytes: 64 }],
      variables: [{ module: 'm', key: 'k', start: addr(0x700000), sizeBytes: 4 }],
      frameIndexes: [],
      retired: false,
    };
    const patched = { ...ledger, generations: [generation], current: 1 };
    expect(bodiesAt(patched, 1).get(addr(0x900000))).toBe(added);
    expect(bodiesAt(patched, 0).size).toBe(0);
    // Rolled back, its variables stay: their addresses are taken.
    expect(newVariables({ ...patched, current: 0 })).toHaveLength(1);
    expect(usedBytes(patched)).toBe(64);
    expect(
      usedBytes({ ...patched, generations: [{ ...generation, blocks: [], retired: true }] }),
    ).toBe(0);
  });
});
