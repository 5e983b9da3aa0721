/**
 * Leaves a thread that was about to get a fatal signal where a debugger finds it: stopped, and with
 * the signal still to come.
 *
 * The process is stopped as SIGSTOP does, and the thread taken into that stop without running an
 * instruction of its own. A fault comes again by itself, since the thread stands before the
 * instruction. Another signal is sent once more: in that stop it stays pending.
 * @see ptrace(2) "Group-stop" and "Detaching"
 */
import { constants } from 'node:os';
import type { Pid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Libc } from './libc.js';
import type { Tracee } from './tracee.js';

const { SIGSTOP } = constants.signals;
const NAP_MICROS = 100;
const PATIENCE_MS = 2000;

/** @param tracee at the signal, all other threads standing
 *  @param signal to be sent again; undefined when it comes by itself
 *  @throws HcrError `target-exited` */
export function stopForDebugger(
  calls: Libc,
  pid: Pid,
  tracee: Tracee,
  signal: number | undefined,
): void {
  calls.kill(pid, SIGSTOP);
  tracee.continue();
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const stop = tracee.poll();
    if (stop?.kind === 'group-stop') break;
    if (tracee.isGone())
      throw new HcrError({ code: 'target-exited', pid, how: 'before it was handed over' });
    if (stop !== undefined) tracee.continue(stop.kind === 'signal' ? stop.signal : 0);
    else if (performance.now() > deadline) throw stuck(pid);
    else calls.sleepMicros(NAP_MICROS);
  }
  if (signal !== undefined) calls.tgkill(pid, tracee.tid, signal);
}

function stuck(pid: Pid): HcrError {
  return new HcrError({ code: 'unexpected', detail: `process ${pid} does not stop` });
}
