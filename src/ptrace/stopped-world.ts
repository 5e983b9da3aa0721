/**
 * All threads of a process standing still, and what is done with them.
 *
 * The threads are seized first, while they run; then all are interrupted; then all are waited for.
 * One by one would take several times as long. New threads may come until the last known one
 * stands, so the list is read again until it holds nothing new.
 *
 * Dropping the world detaches every thread. A thread that was stopped by job control stays
 * stopped; a signal that was about to be delivered is; a system call that would fail with EINTR
 * just because hcr looked is made again.
 */
import type { Pid, Tid } from '../core/address.js';
import { HcrError, isHcrError } from '../core/failure.js';
import type { Registers } from '../arch/arch.js';
import { seizeFailure } from './attach-failure.js';
import { repeatInterruptedCall } from './interrupted-call.js';
import type { Libc } from './libc.js';
import { listThreads, readThreadStatus } from './procfs.js';
import type { TargetProcess } from './process.js';
import { Tracee } from './tracee.js';
import type { Tracing } from './tracing.js';

/** Polls this often without giving the processor away: an interrupt takes some 10 µs. */
const SPINS = 200;
const NAP_MICROS = 50;
const RESUME_MS = 1000;

export interface StoppedThread {
  readonly tracee: Tracee;
  readonly registers: Uint8Array;
}

export class StoppedWorld implements Disposable {
  readonly pid: Pid;
  private readonly libc: Libc;
  private readonly tracing: Tracing;
  private readonly machineRegisters: Registers;
  private readonly tracees = new Map<Tid, Tracee>();
  private stopped: StoppedThread[] = [];
  private stoppedAtNanos = 0n;
  private pauseNanos = 0n;

  /** Seizes every thread. They go on running until {@link stop}. */
  constructor(target: TargetProcess) {
    this.libc = target.libc;
    this.tracing = target.tracing;
    this.pid = target.pid;
    this.machineRegisters = target.machine.registers;
    try {
      this.seizeNewThreads();
      if (this.tracees.size === 0) throw new HcrError({ code: 'no-such-process', pid: this.pid });
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Threads that stand still, with their registers. */
  get threads(): readonly StoppedThread[] {
    return this.stopped;
  }

  /** How long the target has stood still, or stood, in microseconds. */
  get pauseMicros(): number {
    const nanos =
      this.stoppedAtNanos === 0n ? this.pauseNanos : process.hrtime.bigint() - this.stoppedAtNanos;
    return Math.round(Number(nanos) / 1000);
  }

  private seizeNewThreads(): Tracee[] {
    const fresh: Tracee[] = [];
    for (;;) {
      const unknown = listThreads(this.pid).filter((tid) => !this.tracees.has(tid));
      let seized = 0;
      for (const tid of unknown) {
        const tracee = this.tracing.acquire(tid);
        if (tracee instanceof Tracee) {
          this.tracees.set(tid, tracee);
          fresh.push(tracee);
          seized++;
        } else if (!this.hasEnded(tid)) {
          throw seizeFailure(this.pid, -tracee);
        }
      }
      if (seized === 0) return fresh;
    }
  }

  /** An exiting thread and a leader that has exited cannot be seized and do not matter. */
  private hasEnded(tid: Tid): boolean {
    const status = readThreadStatus(this.pid, tid);
    return status === undefined || status.state === 'Z' || status.state === 'X';
  }

  /**
   * Stops every thread and reads its registers.
   * @param deadlineMs `performance.now()` after which to give up
   * @throws HcrError `busy` when a thread does not stop in time, `target-exited`, `target-replaced`
   */
  stop(deadlineMs: number): void {
    this.stoppedAtNanos = process.hrtime.bigint();
    let fresh: readonly Tracee[] = [...this.tracees.values()];
    while (fresh.length > 0) {
      for (const tracee of fresh) {
        if (!tracee.isGone() && tracee.stop === undefined) this.interrupt(tracee);
      }
      this.awaitAll(fresh, deadlineMs);
      fresh = this.seizeNewThreads();
    }
    this.stopped = [];
    for (const tracee of this.tracees.values()) {
      if (tracee.isGone()) continue;
      try {
        this.stopped.push({ tracee, registers: tracee.readRegisters() });
      } catch (error) {
        tracee.poll();
        if (!tracee.isGone()) throw error;
      }
    }
    if (this.stopped.length === 0) {
      throw new HcrError({ code: 'target-exited', pid: this.pid, how: 'all its threads ended' });
    }
  }

  private interrupt(tracee: Tracee): void {
    try {
      tracee.interrupt();
    } catch (error) {
      tracee.poll();
      if (!tracee.isGone()) throw error;
    }
  }

  private awaitAll(tracees: readonly Tracee[], deadlineMs: number): void {
    const running = this.collect(tracees, () => performance.now() > deadlineMs);
    if (tracees.some((tracee) => tracee.stop?.kind === 'exec')) {
      throw new HcrError({
        code: 'target-replaced',
        pid: this.pid,
        detail: 'while its threads were being stopped',
      });
    }
    if (running.length === 0) return;
    throw new HcrError({
      code: 'busy',
      detail: `thread ${running[0]?.tid ?? 0} does not stop (in an uninterruptible system call, or vfork)`,
      threads: running.map((tracee) => tracee.tid),
      waitedMs: 0,
    });
  }

  /** Takes the report of each tracee. In turn: while one is waited for, the others stop as well, and
   *  are found stopped.
   *  @returns those that had nothing to report when it was over */
  private collect(tracees: readonly Tracee[], isOver: () => boolean): readonly Tracee[] {
    const waiting = tracees.filter((tracee) => tracee.stop === undefined);
    for (const tracee of waiting) {
      for (let round = 0; tracee.stop === undefined && tracee.poll() === undefined; round++) {
        if (round < SPINS) {
          this.libc.yieldProcessor();
          continue;
        }
        if (isOver()) return waiting.filter((each) => each.stop === undefined);
        // The leader of a dying process reports when all the others have.
        for (const other of waiting) if (other.stop === undefined) other.poll();
        this.libc.sleepMicros(NAP_MICROS);
      }
    }
    return [];
  }

  /** Lets all threads run on, untraced. */
  resume(): void {
    for (const { tracee, registers } of this.stopped) {
      tolerateDeath(() => {
        repeatInterruptedCall(tracee, registers, this.machineRegisters);
      });
    }
    const tracees = [...this.tracees.values()];
    // A thread that never stopped cannot be detached: stop it first, without reading anything.
    for (const tracee of tracees) if (tracee.stop === undefined) this.interrupt(tracee);
    // The kernel detaches what is left when hcr ends, so giving up after a while harms nothing.
    const patience = performance.now() + RESUME_MS;
    this.collect(tracees, () => performance.now() > patience);
    this.tracing.release(tracees);
    this.tracees.clear();
    this.stopped = [];
    if (this.stoppedAtNanos !== 0n) {
      this.pauseNanos = process.hrtime.bigint() - this.stoppedAtNanos;
      this.stoppedAtNanos = 0n;
      // Threads wake up on the processor that woke them, which is this one: make room for them.
      this.libc.sleepMicros(NAP_MICROS);
    }
  }

  [Symbol.dispose](): void {
    this.resume();
  }
}

/** Runs what may find the thread killed meanwhile. */
function tolerateDeath(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!isHcrError(error, 'target-exited')) throw error;
  }
}
