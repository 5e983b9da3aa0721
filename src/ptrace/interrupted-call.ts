/**
 * Rule 6: no EINTR of our making.
 *
 * Stopping and resuming a thread is enough to make epoll_wait, semop, sigtimedwait and their like
 * return EINTR, which the kernel does not restart by itself. At the stop such a thread shows
 * -EINTR as its result. It is changed to the answer with which the kernel makes the call again
 * unless a handler of the program runs first, so that signals that are real still interrupt.
 *
 * @see signal(7) "Interruption of system calls and library functions by stop signals"
 */
import type { InterruptedSyscall, Registers } from '../arch/registers.js';
import { isHcrError } from '../core/failure.js';
import { ERRNO } from './libc.js';
import type { StopReason } from './requests.js';
import type { Tracee } from './tracee.js';

/** Stops in which the kernel has yet to look at the result of the call. */
const BEFORE_RESTART: ReadonlySet<StopReason['kind']> = new Set([
  'interrupted',
  'group-stop',
  'signal',
]);

/** Has a stopped thread make its interrupted call again, if only hcr interrupted it.
 *  @param mayRepeat asked whether this call should be
 *  @returns whether it makes one again */
export function repeatInterruptedCall(
  tracee: Tracee,
  registers: Uint8Array,
  machine: Registers,
  mayRepeat: (call: InterruptedSyscall) => boolean = () => true,
): boolean {
  if (tracee.stop === undefined || !BEFORE_RESTART.has(tracee.stop.kind)) return false;
  const call = machine.interruptedSyscall(registers);
  if (call?.errno !== ERRNO.EINTR || !call.repeatable || !mayRepeat(call)) return false;
  tracee.writeRegisters(machine.restartSyscall(registers));
  return true;
}

/** The same for a tracee of which nothing has been read yet, and which may be killed meanwhile. */
export function repairInterruptedCall(
  tracee: Tracee,
  machine: Registers,
  mayRepeat?: (call: InterruptedSyscall) => boolean,
): boolean {
  if (tracee.stop === undefined || tracee.isGone()) return false;
  try {
    return repeatInterruptedCall(tracee, tracee.readRegisters(), machine, mayRepeat);
  } catch (error) {
    if (!isHcrError(error, 'target-exited')) throw error;
    return false;
  }
}
