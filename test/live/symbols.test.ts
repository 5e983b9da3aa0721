/**
 * Symbols of every kind in programs of every kind: aliases, weak and common ones, IFUNCs, versions.
 * What edited code must get is shown by the program built anew from the edited source.
 */
import { describe, expect, it } from 'vitest';
import { Fixture } from '../support/fixture.js';
import { attach, rollBack } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';

type Build = readonly [name: string, cc: string, cflags: string, ldflags: string];

const BUILDS: readonly Build[] = [
  ['PIE', 'gcc', '-O2 -g -fPIE', '-pie'],
  ['no PIE', 'gcc', '-O1 -g -fno-pie -fcommon', '-no-pie'],
  ['static', 'gcc', '-O2 -g -fno-pie -fcommon', '-static'],
  ['static PIE', 'gcc', '-O2 -g -fPIE', '-static-pie'],
  ['PIC', 'gcc', '-O0 -g -fPIC -fcommon', '-pie'],
  ['clang and lld', 'clang', '-O2 -g -grecord-command-line -fPIE', '-pie -fuse-ld=lld'],
];

async function start(fixture: Fixture, [, cc, cflags, ldflags]: Build): Promise<Target> {
  if (ldflags.startsWith('-static'))
    fixture.edit('symbols.c', '#include <stdlib.h>', '#define STATIC\n#include <stdlib.h>');
  await fixture.run('make', '-s', '-B', `CC=${cc}`, `CFLAGS=${cflags}`, `LDFLAGS=${ldflags}`);
  return await startTarget(fixture.program);
}

async function readLine(
  target: Target,
  version: number,
): Promise<{ count: number; values: string }> {
  const [, count, values = ''] = await target.waitForLine(new RegExp(`^(\\d+): (${version} .*)`));
  return { count: Number(count), values };
}

function edit(fixture: Fixture): void {
  fixture.edit('symbols.c', '#include <string.h>', '#include <string.h>\n#define EDITED');
}

describe('edited code finds what the program, built anew, finds', () => {
  it.each(BUILDS)('%s: %s %s %s', async (...build) => {
    using edited = new Fixture('symbols');
    edit(edited);
    await using oracle = await start(edited, build);
    using fixture = new Fixture('symbols');
    await using target = await start(fixture, build);
    const before = await readLine(target, 1);
    edit(fixture);
    const report = await attach(target.pid, ['fill']);
    // The weak function whose place a stronger one has is nobody's edit.
    expect(report.notes.join()).not.toMatch(/Left alone/);
    const after = await readLine(target, 2);
    expect(after.values).toBe((await readLine(oracle, 2)).values);
    expect(after.count).toBeGreaterThan(before.count);
    await rollBack(target.pid);
    target.lines.skipArrived();
    expect((await readLine(target, 1)).count).toBeGreaterThan(after.count);
  });
});
