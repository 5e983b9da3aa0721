/** Which processes a process has started, by the kernel's own list and where it has none. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { childrenAmong, childrenOf, listProcesses } from '../../src/ptrace/process-list.js';

it('children are found alike in the list of the kernel and among all processes', async () => {
  const shell = spawn('sh', ['-c', 'sleep 60 & sleep 60 & echo ready; wait']);
  try {
    await once(shell.stdout, 'data');
    const parent = shell.pid ?? 0;
    const children = childrenOf(parent);
    expect(children).toHaveLength(2);
    expect(childrenAmong(listProcesses(), parent).sort()).toEqual([...children].sort());
    for (const child of children) process.kill(child, 'SIGKILL');
    await once(shell, 'exit');
  } finally {
    shell.kill('SIGKILL');
  }
});
