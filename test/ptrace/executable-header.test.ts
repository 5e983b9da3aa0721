import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { pid as toPid } from '../../src/core/address.js';
import { machineOf, readHeader } from '../../src/ptrace/executable-header.js';
import { parseStat } from '../../src/ptrace/proc-stat.js';
import { until } from '../support/until.js';

it('knows the machine of a process', () => {
  const own = toPid(process.pid);
  expect(readHeader(own)).toMatchObject({ is64Bit: true, description: 'x86-64' });
  expect(machineOf(own)?.name).toBe('x86-64');
});

it('takes a process that has lost its executable because it ends for one that is gone', async () => {
  // A zombie has none either, and stays one while its parent does not wait for it.
  const parent = spawn('perl', ['-e', '$|=1; if ($p = fork) { print "$p\\n"; sleep } exit'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const ended = toPid(Number(line.toString()));
    await until('it has ended', () => statOf(ended).state === 'Z');
    expect(() => readHeader(ended)).toThrow(expect.objectContaining({ code: 'no-such-process' }));
    expect(machineOf(ended)).toBeUndefined();
  } finally {
    parent.kill('SIGKILL');
  }
});

function statOf(process: number): ReturnType<typeof parseStat> {
  return parseStat(readFileSync(`/proc/${process}/stat`, 'latin1'));
}
