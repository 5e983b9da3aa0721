/** A taste of `npm run fuzz`: each target reads its sound inputs and some damaged ones, in bounds. */
import { beforeAll, expect, test } from 'vitest';
import { Random } from '../support/random.js';
import { buildSeeds } from '../../fuzz/seeds.js';
import { attempt } from '../../fuzz/target.js';
import { TARGETS } from '../../fuzz/targets.js';
import { workedMs } from '../support/worked-ms.js';

/** Generous for a loaded machine; the fuzzer itself allows 200 ms. */
const LONGEST_MS = 10_000;
const RUNS = 60;

let seeds: ReadonlyMap<string, Uint8Array>;
beforeAll(() => {
  seeds = buildSeeds();
});

test.each(TARGETS.map((target) => ({ name: target.name, target })))(
  '$name is read or refused',
  ({ target }) => {
    const sound = target.seeds(seeds).map(({ bytes }) => bytes);
    expect(sound.length).toBeGreaterThan(0);
    for (const bytes of sound) target.run(bytes);
    const random = new Random(1);
    for (let i = 0; i < RUNS; i++) {
      const input = target.mutate(random.of(sound) ?? new Uint8Array(), random, sound);
      const start = workedMs();
      attempt(() => {
        target.run(input);
      });
      expect(workedMs() - start).toBeLessThan(LONGEST_MS);
    }
  },
);
