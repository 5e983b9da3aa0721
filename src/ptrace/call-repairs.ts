/**
 * Has threads that are traced all the time make their interrupted calls again. A traced thread stops
 * for signals that it ignores as well, and its waits would end with EINTR.
 *
 * A call that is made again begins its timeout again: not without end. One that has none is made again
 * however often it takes.
 */
import type { Machine } from '../arch/arch.js';
import type { Pid, Tid } from '../core/address.js';
import { machineOf } from './executable-header.js';
import { repairInterruptedCall } from './interrupted-call.js';
import type { Tracee } from './tracee.js';

/** Then one wait with a timeout ends with EINTR: the program goes on also under a storm of ignored
 *  signals. */
const MAX_REPAIRS = 2;

export class CallRepairs {
  private readonly pid: Pid;
  /** How often in a row a thread's call was made again. */
  private readonly times = new Map<Tid, number>();
  /** Of what the process runs now. */
  private machine: Machine | undefined;

  constructor(pid: Pid) {
    this.pid = pid;
  }

  /** The process runs another program now. */
  forgetProgram(): void {
    this.machine = undefined;
  }

  /** @param tracee that has stopped */
  repair(tracee: Tracee): void {
    this.machine ??= machineOf(this.pid);
    if (this.machine === undefined) return;
    repairInterruptedCall(tracee, this.machine.registers, ({ hasTimeout }) => {
      if (!hasTimeout) return true;
      const times = this.times.get(tracee.tid) ?? 0;
      const isEnough = times >= MAX_REPAIRS;
      if (isEnough) this.times.delete(tracee.tid);
      else this.times.set(tracee.tid, times + 1);
      return !isEnough;
    });
  }
}
