/** Load: thousands of patches of one process. `npm run soak` makes 10,000, the suite some. */
import { expect, it } from 'vitest';
import { buildFixture } from '../support/fixture.js';
import { TABLE_HEAD, tableRow } from './soak/footprint.js';
import { soak } from './soak/soak.js';

const LONG_PATCHES = Number(process.env['HCR_SOAK'] ?? 0);
const SEED = Number(process.env['HCR_SOAK_SEED'] ?? 4);

it.runIf(LONG_PATCHES > 0)('takes nothing more after 10,000 patches', { timeout: 0 }, async () => {
  using fixture = await buildFixture('soak');
  console.info(TABLE_HEAD);
  const started = performance.now();
  const outcome = await soak(fixture, {
    patches: LONG_PATCHES,
    seed: SEED,
    versions: 24,
    askEvery: 5,
    sampleEvery: Math.ceil(LONG_PATCHES / 40),
    onSample: (footprint) => {
      console.info(tableRow(footprint));
    },
  });
  const { footprints: _, ...totals } = outcome;
  console.info({ seed: SEED, minutes: (performance.now() - started) / 60_000, ...totals });
});
