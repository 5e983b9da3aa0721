/** Load: patch after patch of one process. The suite makes some, `npm run soak` 10,000. */
import { expect, it } from 'vitest';
import { buildFixture } from '../support/fixture.js';
import { type Footprint, TABLE_HEAD, tableRow } from './soak/footprint.js';
import { soak } from './soak/soak.js';

const LONG_PATCHES = Number(process.env['HCR_SOAK'] ?? 0);
/** HCR_SOAK_SEED repeats the choices of another run. */
const SEED = Number(process.env['HCR_SOAK_SEED'] ?? 4);
const SAMPLES = 40;

/** What may not change at all from one sample to the next. */
const countsOf = ({ target, ledger, hcr }: Footprint): unknown => ({
  mappings: target.mappings,
  virtualBytes: target.virtualBytes,
  descriptors: target.descriptors,
  threads: target.threads,
  areas: ledger.areas,
  ownDescriptors: hcr.descriptors,
});

it('32 threads compute right through patches, rollbacks and kills of hcr at random', async () => {
  using fixture = await buildFixture('soak');
  const { footprints, counts } = await soak(fixture, {
    patches: 60,
    seed: SEED,
    versions: 6,
    askEvery: 5,
    sampleEvery: 20,
    atLeast: 1,
  });
  expect(counts.patch + counts.command).toBeGreaterThanOrEqual(60);
  for (const step of ['rollBack', 'command', 'commandRollBack', 'kill'] as const)
    expect(counts[step]).toBeGreaterThan(0);
  const [first, ...later] = footprints;
  expect(first).toBeDefined();
  for (const footprint of later) expect(countsOf(footprint)).toEqual(first && countsOf(first));
});

const largest = (footprints: readonly Footprint[], size: (at: Footprint) => number): number =>
  Math.max(...footprints.map(size));

if (LONG_PATCHES > 0) {
  it(`${LONG_PATCHES} patches take no more of the machine than the first tenth of them`, {
    timeout: 0,
  }, async () => {
    using fixture = await buildFixture('soak');
    console.info(TABLE_HEAD);
    const started = performance.now();
    const { footprints, ...totals } = await soak(fixture, {
      patches: LONG_PATCHES,
      seed: SEED,
      versions: 24,
      askEvery: 5,
      sampleEvery: Math.ceil(LONG_PATCHES / SAMPLES),
      onSample: (footprint) => {
        console.info(tableRow(footprint));
      },
    });
    console.info({ seed: SEED, minutes: (performance.now() - started) / 60_000, ...totals });
    const early = footprints.slice(0, SAMPLES / 10);
    const late = footprints.slice(-SAMPLES / 2);
    const [first] = early;
    for (const footprint of late) expect(countsOf(footprint)).toEqual(first && countsOf(first));
    const target = ({ target: { residentBytes } }: Footprint): number => residentBytes;
    const record = ({ ledger }: Footprint): number => ledger.bytes;
    const heap = ({ hcr }: Footprint): number => hcr.heapBytes;
    expect(largest(late, target)).toBeLessThan(largest(early, target) + (1 << 20));
    expect(largest(late, record)).toBeLessThan(1.2 * largest(early, record));
    // The compiler of JavaScript goes on for long; what leaks a page a patch shows.
    expect(largest(late, heap)).toBeLessThan(largest(early, heap) + (40 << 20));
  });
}
