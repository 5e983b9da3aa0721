/** Keeps hcr out of a process, as another hcr would that is changing it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** @returns how to let go */
export async function holdLock(pid: number): Promise<() => Promise<void>> {
  // The lock as another program of the same user takes it.
  const holder = spawn('flock', [`/proc/${pid}/mem`, 'sh', '-c', 'echo held; read line'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  return async () => {
    holder.stdin.end('\n');
    await once(holder, 'exit');
  };
}
