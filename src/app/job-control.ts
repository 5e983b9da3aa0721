/** Stopping hcr as Ctrl+Z does. */
import { readFileSync } from 'node:fs';

/** Stops hcr and what was started together with it, as npm, so that the shell notices. Where the
 *  process is part of that too, hcr alone: it is not hcr's to stop.
 *  Comes back when the shell has it go on. */
export function stopOwnJob(pid: number): void {
  const isShared = groupOf(pid) === groupOf('self');
  process.kill(isShared ? process.pid : 0, 'SIGSTOP');
}

/** @see proc(5), /proc/pid/stat */
function groupOf(pid: number | 'self'): string | undefined {
  try {
    // Fields from the third on; the second, a name in parentheses, may hold anything.
    return readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')[2];
  } catch {
    return undefined;
  }
}
