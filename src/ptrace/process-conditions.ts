/** What decides whether a process can be patched, as far as /proc tells without touching it. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Pid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { seizeFailure } from './attach-failure.js';
import { ERRNO } from './libc.js';
import { parseStat } from './proc-stat.js';
import { readProcFile } from './procfs.js';

/** `USER_HZ`, the unit of times in /proc on all machines that hcr knows. @see proc(5), sysconf(3) */
const TICKS_PER_SECOND = 100;

/**
 * The refusal that attaching would meet. Opening a process's memory takes the same permission as
 * tracing it, Yama and other security modules included.
 * @see ptrace(2), "Ptrace access mode checking"
 */
export function attachRefusal(pid: Pid): HcrError | undefined {
  if (pid === process.pid) return seizeFailure(pid, ERRNO.EPERM);
  try {
    closeSync(openSync(`/proc/${pid}/mem`, 'r+'));
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The second is of a process that ends: its memory is gone before its number is.
    return code === 'ENOENT' || code === 'ESRCH'
      ? new HcrError({ code: 'no-such-process', pid }, { cause: error })
      : seizeFailure(pid, ERRNO.EPERM);
  }
}

/** @throws HcrError `no-such-process` */
export function isKernelThread(pid: Pid): boolean {
  return parseStat(readProcFile(pid, 'stat')).isKernelThread;
}

/** As `Date.now()`, give or take a hundredth of a second. */
export function startedAtMs(pid: Pid): number {
  const sinceBootSeconds = parseStat(readProcFile(pid, 'stat')).startTicks / TICKS_PER_SECOND;
  const uptimeSeconds = Number.parseFloat(readFileSync('/proc/uptime', 'latin1'));
  return Date.now() - (uptimeSeconds - sinceBootSeconds) * 1000;
}
