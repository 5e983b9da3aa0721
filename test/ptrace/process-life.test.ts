import { copyFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { pid } from '../../src/core/address.js';
import { ProcessLife } from '../../src/ptrace/process-life.js';
import { TemporaryTree } from '../build/temporary-tree.js';
import { startTarget } from '../support/target.js';
import { until } from '../support/until.js';

/** More than two looks. */
const LOOKS_MS = 700;

it('tells of another program, and not of the deletion of the file that runs', async () => {
  using tree = new TemporaryTree({});
  copyFileSync('/bin/sh', tree.at('shell'));
  const script = 'echo ready; read go; exec sleep 100';
  await using target = await startTarget(tree.at('shell'), ['-c', script]);
  await target.waitForLine(/^ready$/);
  let changes = 0;
  let ends = 0;
  using _ = new ProcessLife(pid(target.pid), {
    onChange: () => {
      changes++;
    },
    onEnd: () => {
      ends++;
    },
  });
  rmSync(tree.at('shell'));
  await delay(LOOKS_MS);
  expect(changes).toBe(0);
  target.write('\n');
  await until('the other program is noticed', () => changes > 0);
  expect(changes).toBe(1);
  process.kill(target.pid, 'SIGKILL');
  await until('its end is noticed', () => ends === 1);
});
