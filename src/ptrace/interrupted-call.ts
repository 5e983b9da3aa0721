/**
 * Rule 6: no EINTR of our making.
 *
 * Stopping and resuming a thread is enough to make epoll_wait, semop, sigtimedwait and their like
 * return EINTR, which the kernel does not restart by itself. At the stop such a thread shows
 * -EINTR as its result; unless a real signal waits for it, the call is made again.
 *
 * @see signal(7) "Interruption of system calls and library functions by stop signals"
 */
import type { Registers } from '../arch/arch.js';
import type { Pid, Tid } from '../core/address.js';
import { ERRNO } from './libc.js';
import { readThreadStatus } from './procfs.js';
import type { Tracee } from './tracee.js';

/** Has a stopped thread make its interrupted call again, if only hcr interrupted it. */
export function repeatInterruptedCall(
  pid: Pid,
  tracee: Tracee,
  registers: Uint8Array,
  machine: Registers,
): void {
  if (tracee.stop?.kind === 'signal') return;
  const call = machine.interruptedSyscall(registers);
  if (call?.errno !== ERRNO.EINTR || !call.repeatable) return;
  if (hasSignalToDeliver(pid, tracee.tid)) return;
  tracee.writeRegisters(machine.repeatSyscall(registers));
}

/** Whether a signal waits that will interrupt the thread as soon as it runs. */
function hasSignalToDeliver(pid: Pid, tid: Tid): boolean {
  const status = readThreadStatus(pid, tid);
  return status !== undefined && (status.deliverableSignals & ~status.ignoredSignals) !== 0n;
}
