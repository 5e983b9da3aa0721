/** Why the kernel would not let hcr trace a process, in words that say what to do. */
import { readFileSync } from 'node:fs';
import type { Pid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { ERRNO } from './libc.js';
import { readProcessStatus } from './procfs.js';

/** Yama's setting, 0 when the kernel has none. @see Documentation/admin-guide/LSM/Yama.rst */
export function yamaScope(): number {
  try {
    return Number(readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'latin1'));
  } catch {
    return 0;
  }
}

function nameOf(process: number): string {
  try {
    return readFileSync(`/proc/${process}/comm`, 'utf8').trimEnd();
  } catch {
    return 'another program';
  }
}

/** Refuses a process that someone else traces already.
 *  @throws HcrError `no-such-process`, `already-traced` */
export function assertNotTraced(pid: Pid): void {
  const { tracerPid, state } = readProcessStatus(pid);
  if (state === 'Z' || state === 'X') throw new HcrError({ code: 'no-such-process', pid });
  if (tracerPid !== 0 && tracerPid !== process.pid) {
    throw new HcrError({ code: 'already-traced', pid, tracerPid, tracer: nameOf(tracerPid) });
  }
}

/** The error for a PTRACE_SEIZE that failed with `errno`. */
export function seizeFailure(pid: Pid, errno: number): HcrError {
  if (errno === ERRNO.ESRCH) return new HcrError({ code: 'no-such-process', pid });
  try {
    assertNotTraced(pid);
  } catch (error) {
    if (error instanceof HcrError) return error;
  }
  const scope = yamaScope();
  if (pid === process.pid) {
    return new HcrError({
      code: 'attach-denied',
      pid,
      reason: 'a process cannot trace itself',
      advice: 'Name another process.',
    });
  }
  if (scope >= 3) {
    return new HcrError({
      code: 'attach-denied',
      pid,
      reason: 'this machine forbids tracing until its next start (kernel.yama.ptrace_scope = 3)',
      advice: 'Set kernel.yama.ptrace_scope to 0 or 1 and restart the machine.',
    });
  }
  if (scope > 0) {
    return new HcrError({
      code: 'attach-denied',
      pid,
      reason: `kernel.yama.ptrace_scope is ${scope}`,
      advice:
        'Run hcr as root, start the program with `hcr run`, or set kernel.yama.ptrace_scope to 0.',
    });
  }
  return new HcrError({
    code: 'attach-denied',
    pid,
    reason: 'it belongs to another user, or changed its user, or is protected (errno EPERM)',
    advice: 'Run hcr as the user who owns the process, or as root.',
  });
}
