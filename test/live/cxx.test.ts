/** What C++ adds to C, patched in programs by both compilers, one function after the other. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { readStatus, rollBack } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';
import { nextTick } from '../support/ticks.js';
import { CXX_SCENARIOS } from './cxx-scenarios.js';
import { patchAndWatch, readRound } from './patch-scenario.js';

const PROGRAM = 'main';
const LIBRARY = 'with-library';

const BUILDS = [
  { cxx: 'g++', cflags: '-O0 -g -fPIE', ldflags: '-pie', make: PROGRAM },
  { cxx: 'g++', cflags: '-O2 -g -fno-pie -gdwarf-4', ldflags: '-no-pie', make: PROGRAM },
  { cxx: 'g++', cflags: '-O3 -g -fPIE', ldflags: '-pie', make: PROGRAM },
  { cxx: 'g++', cflags: '-O2 -g -fPIC', ldflags: '', make: LIBRARY },
  { cxx: 'g++', cflags: '-O2 -g', ldflags: '-static', make: PROGRAM },
  // clang keeps its flags only when asked to.
  { cxx: 'clang++', cflags: '-O0 -g -grecord-command-line -fPIE', ldflags: '-pie', make: PROGRAM },
  { cxx: 'clang++', cflags: '-O2 -g -grecord-command-line -fPIE', ldflags: '-pie', make: PROGRAM },
  { cxx: 'clang++', cflags: '-O1 -g -grecord-command-line -fPIC', ldflags: '', make: LIBRARY },
];

describe.each(BUILDS)('$cxx $cflags $ldflags: $make', ({ cxx, cflags, ldflags, make }) => {
  let fixture: Fixture;
  let target: Target;

  beforeAll(async () => {
    fixture = await buildFixture('cxx', { cxx, cxxflags: cflags, ldflags, target: make });
    target = await startTarget(fixture.program);
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    fixture[Symbol.dispose]();
  });

  it.each(CXX_SCENARIOS)('$claim', async (scenario) => {
    await patchAndWatch(fixture, target, scenario);
  });

  it('runs its original code again after a rollback to generation 0', async () => {
    expect((await rollBack(target.pid, ['--to', '0'])).generation).toBe(0);
    const [first] = CXX_SCENARIOS;
    // By its end all lines have come that were under way when the code changed.
    await readStatus(target.pid);
    target.lines.skipArrived();
    await readRound(
      target,
      await nextTick(target),
      (now, before) => first?.old(now, before) === true,
    );
    expect(target.isAlive).toBe(true);
  });
});
