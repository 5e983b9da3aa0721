/** Stopping hcr as Ctrl+Z does. */
import { readFileSync } from 'node:fs';
import { parseStat } from '../ptrace/proc-stat.js';

/** Stops hcr and what was started together with it, as npm, so that the shell notices. Where the
 *  process is part of that too, hcr alone: it is not hcr's to stop.
 *  Comes back when the shell has it go on. */
export function stopOwnJob(pid: number): void {
  const isShared = groupOf(pid) === groupOf('self');
  process.kill(isShared ? process.pid : 0, 'SIGSTOP');
}

function groupOf(pid: number | 'self'): number | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1')).group;
  } catch {
    return undefined;
  }
}
