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
import { awaitLate, letGoLater, takeLate } from './late-tracees.js';
import { type RegisterBuffer, Tracee, allocateRegisterBuffer } from './tracee.js';

/** A killed thread is reported within microseconds. */
const DEATH_ROUNDS = 200;
const DEATH_NAP_MICROS = 500;

export interface Tracing {
  /** True while no thread is to run on, whatever it is needed for. */
  readonly isStanding: boolean;
  /** A tracee for the thread, running or stopped; a negative errno when there can be none. */
  acquire(tid: Tid): Tracee | number;
  /** Takes what a tracee has to report. All but one signal passes as if nobody looked.
   *  @returns true when it stands still: with the signal, or since it runs another program now */
  awaitSignal(tracee: Tracee, signal: number): boolean;
  /** What a tracee reports from now on is for the caller alone, until it is given back. */
  reserve(tracee: Tracee): void;
  /** Lets a stopped tracee go on from what it reported: a signal, a new thread. It stays traced. */
  pass(tracee: Tracee): void;
  /**
   * Gives tracees back: they run on, and get the signals they were about to get. One that was asked to
   * stop and has not yet is given back when it has.
   * @param prepare what is to be done to such a one then
   */
  release(tracees: readonly Tracee[], prepare?: (tracee: Tracee) => void): void;
  /** Waits a moment, and longer where threads are to be let go that have not stopped yet, until one of
   *  them has: the next {@link acquire} finds it standing. */
  awaitLate(deadlineMs: number): Promise<void>;
}

/** Seizes for the moment. Syscall stops are told from signals; exec is reported. */
export class MomentaryTracing implements Tracing {
  readonly isStanding = false;
  private readonly libc: Libc;
  private readonly buffer: RegisterBuffer;

  constructor(libc: Libc) {
    this.libc = libc;
    this.buffer = allocateRegisterBuffer(libc);
  }

  acquire(tid: Tid): Tracee | number {
    const known = takeLate(tid);
    if (known !== undefined) return known;
    return Tracee.seize(
      this.libc,
      this.buffer,
      tid,
      PTRACE_OPTION.TRACESYSGOOD | PTRACE_OPTION.TRACEEXEC,
    );
  }

  awaitSignal(tracee: Tracee, signal: number): boolean {
    const stop = tracee.stop ?? tracee.poll();
    switch (stop?.kind) {
      case undefined:
      case 'exited':
      case 'killed':
        return false;
      case 'exec':
        return true;
      case 'signal':
        if (stop.signal === signal) return true;
        tracee.continue(stop.signal);
        return false;
      case 'group-stop':
        tracee.listen();
        return false;
      default:
        tracee.continue();
        return false;
    }
  }

  /** Nobody else looks. */
  reserve(): void {
    return;
  }

  pass(tracee: Tracee): void {
    if (tracee.stop?.kind === 'group-stop') tracee.listen();
    else tracee.continue(tracee.stop?.kind === 'signal' ? tracee.stop.signal : 0);
  }

  awaitLate(deadlineMs: number): Promise<void> {
    return awaitLate(deadlineMs);
  }

  release(tracees: readonly Tracee[], prepare: (tracee: Tracee) => void = () => undefined): void {
    const there = tracees.filter((tracee) => !tracee.isGone());
    letGoLater(
      there.filter(({ stop }) => stop === undefined),
      prepare,
    );
    let dead = there.filter((tracee) => tracee.stop !== undefined && !tracee.detach());
    // The leader's death is reported when those of the other threads have been taken.
    for (let round = 0; dead.length > 0 && round < DEATH_ROUNDS; round++) {
      dead = dead.filter((tracee) => tracee.poll() === undefined);
      if (dead.length > 0) this.libc.sleepMicros(DEATH_NAP_MICROS);
    }
  }
}
