/** Programs in other code models than the usual: new code counts from a GOT of its own. */
import { describe, it } from 'vitest';
import { buildFixture } from '../support/fixture.js';
import { attach, rollBack } from '../support/hcr.js';
import { startTarget } from '../support/target.js';
import { nextTick } from '../support/ticks.js';
import { SCENARIOS } from './language-scenarios.js';
import { patchAndWatch, readRound } from './patch-scenario.js';

const MODELS = [
  ['-O2 -g -fPIC -mcmodel=large', '-no-pie'],
  ['-O0 -g -fPIC -mcmodel=large', '-pie'],
  ['-O1 -g -fno-pie -mcmodel=large', '-no-pie'],
  ['-O2 -g -fPIC -mcmodel=medium -mlarge-data-threshold=0', '-pie'],
  ['-O2 -g -fno-pie -mcmodel=medium -mlarge-data-threshold=0', '-no-pie'],
] as const;

/** Globals, statics, calls, strings, tables and functions that the program never imported. */
const FUNCTIONS = /global|static|pointer|import|switch|thread|recurs/i;

describe.each(MODELS)('a program built with %s %s', (cflags, ldflags) => {
  it('is patched, keeps its state, and rolls back', async () => {
    using fixture = await buildFixture('language', { cflags, ldflags });
    await using target = await startTarget(fixture.program);
    const scenarios = SCENARIOS.filter(({ claim }) => FUNCTIONS.test(claim)).slice(0, 3);
    for (const scenario of scenarios) await patchAndWatch(fixture, target, scenario);
    await rollBack(target.pid, ['--to', '0']);
    target.lines.skipArrived();
    await readRound(target, await nextTick(target), (now, before) =>
      scenarios.every((scenario) => scenario.old(now, before)),
    );
  });
});

describe('an object of another code model than the program’s', () => {
  it.each(['-fPIC -mcmodel=large', '-fPIC -mcmodel=medium -mlarge-data-threshold=0', '-fPIC'])(
    'is linked: %s',
    async (model) => {
      using fixture = await buildFixture('demo', { cflags: '-O2 -g -fPIE', ldflags: '-pie' });
      await using target = await startTarget(fixture.program, [], { endSignal: 'SIGQUIT' });
      await target.waitForLine(/f1\(\) = 1/);
      const calls =
        'static long calls; extern int atoi(const char *); int (*volatile number)(const char *) = atoi;';
      fixture.edit('f1.c', 'return 1', 'return ++calls > 0 && number == atoi ? number("7") : 0');
      fixture.edit('f1.c', 'int f1', `${calls}\nint f1`);
      const flags = [...model.split(' '), '-ffunction-sections', '-fdata-sections'];
      await fixture.run('gcc', '-O1', ...flags, '-c', '-o', 'new.o', 'f1.c');
      await attach(target.pid, ['f1'], ['--object', fixture.path('new.o')]);
      await target.waitForLine(/f1\(\) = 7/);
    },
  );
});
