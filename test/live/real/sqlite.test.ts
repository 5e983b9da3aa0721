/** SQLite as a shared library, built by its own build, patched while scripts run in it. Its source
 *  is one file of 8 MB, which the compiler works on for most of this test. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EditedSource } from '../../support/edited-source.js';
import { type Fixture, buildFixture } from '../../support/fixture.js';
import { attach, rollBack } from '../../support/hcr.js';
import { buildRealProgram } from '../../support/real-program.js';
import { startTarget } from '../../support/target.js';

/** What its configure script decided and debug information does not keep. */
const CFLAGS = [
  '--cflags',
  '-DPIC -DSQLITE_OS_UNIX=1 -I. -Isrc -D_HAVE_SQLITE_CONFIG_H -DBUILD_sqlite -DNDEBUG ' +
    '-DSQLITE_THREADSAFE=1 -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_HAVE_ZLIB=1 ' +
    '-DSQLITE_TEMP_STORE=1',
];
const PATIENCE_MS = 300_000;

let source: string;
let driver: Fixture;
beforeAll(async () => {
  source = await buildRealProgram('sqlite3', 'build-sqlite.sh');
  const libraries = join(source, '.libs');
  driver = await buildFixture('sqlite-driver', {
    cflags: `-O2 -g -I${source}`,
    ldflags: `-L${libraries} -Wl,-rpath,${libraries}`,
  });
});
afterAll(() => driver[Symbol.dispose]());

describe('SQLite, which makes no mistake,', () => {
  it('runs a changed static function and its changed interpreter', async () => {
    await using target = await startTarget(driver.program);
    const original = /^abs 7, 200 rows, 5999900, moving, 0 mistakes$/;
    await target.waitForLine(original);
    using edited = new EditedSource(join(source, 'sqlite3.c'));
    edited.replace('        iVal = -iVal;\n', '        iVal = -iVal * 100;\n');
    edited.replace('iB %= iA;', 'iB %= iA + 1;');
    const report = await attach(target.pid, ['absFunc', 'sqlite3VdbeExec'], CFLAGS, {
      patienceMs: PATIENCE_MS,
    });
    expect(report.functions.map(({ name }) => name).sort()).toEqual(['absFunc', 'sqlite3VdbeExec']);
    await target.waitForLine(/^abs 700, 225 rows, \d+, moving, 0 mistakes$/);
    await rollBack(target.pid);
    target.lines.skipArrived();
    await target.waitForLine(original);
    expect(target.isAlive).toBe(true);
  });
});
