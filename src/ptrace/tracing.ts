/**
 * How threads come under hcr's control and leave it again.
 *
 * A one-shot command seizes a thread for as long as it needs it and detaches. `hcr run` traces its
 * program all the time: there a thread that is needed is one that is traced already, and is not
 * detached but let run on. What is done to a stopped thread is the same for both.
 */
import type { Tid } from '../core/address.js';
import type { Libc } from './libc.js';
import { PTRACE_OPTION } from './requests.js';
import { type RegisterBuffer, Tracee, allocateRegisterBuffer } from './tracee.js';

export interface Tracing {
  /** A tracee for the thread, running or stopped; a negative errno when there can be none. */
  acquire(tid: Tid): Tracee | number;
  /** Gives a stopped tracee back: it runs on, and gets the signal it was about to get. */
  release(tracee: Tracee): void;
}

/** Seizes for the moment. Syscall stops are told from signals; exec is reported. */
export class MomentaryTracing implements Tracing {
  private readonly libc: Libc;
  private readonly buffer: RegisterBuffer;

  constructor(libc: Libc) {
    this.libc = libc;
    this.buffer = allocateRegisterBuffer(libc);
  }

  acquire(tid: Tid): Tracee | number {
    return Tracee.seize(
      this.libc,
      this.buffer,
      tid,
      PTRACE_OPTION.TRACESYSGOOD | PTRACE_OPTION.TRACEEXEC,
    );
  }

  release(tracee: Tracee): void {
    tracee.detach();
  }
}
