/**
 * All threads of a process standing still, and what is done with them.
 *
 * The threads are seized first, while they run; then all are interrupted; then all are waited for.
 * One by one would take several times as long. Threads that sleep come first, and those that run
 * go on first: to a sleeping thread it is all the same, and a running one then stands still for
 * little longer than the only thread of a program would.
 *
 * New threads may come until the last known one stands, so they are counted until none is new.
 *
 * Dropping the world detaches every thread. A thread that was stopped by job control stays
 * stopped; a signal that was about to be delivered is; a system call that would fail with EINTR
 * just because hcr looked is made again.
 */
import type { Pid, Tid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Registers } from '../arch/registers.js';
import { seizeFailure } from './attach-failure.js';
import { repairInterruptedCall, repeatInterruptedCall } from './interrupted-call.js';
import type { Libc } from './libc.js';
import { hasThreadEnded, isRunning, listThreads, readThreadStatus } from './procfs.js';
import type { TargetProcess } from './process.js';
import { ThreadCount } from './thread-count.js';
import { Tracee } from './tracee.js';
import type { Tracing } from './tracing.js';
import { Urgency } from './urgency.js';

/** Polls this often without giving the processor away: an interrupt on another one takes 10 µs. */
const SPINS = 8;
/** So that threads that wait for this very processor can stop, or go on. */
const NAP_MICROS = 10;
const RESUME_MS = 1000;
const TAKE_DEATHS_ROUNDS = 16;
const UNINTERRUPTIBLE_MS = 10;
const RUNNING_ROUNDS = 4;

export interface StoppedThread {
  readonly tracee: Tracee;
  readonly registers: Uint8Array;
}

export class StoppedWorld implements Disposable {
  readonly pid: Pid;
  private readonly libc: Libc;
  private readonly tracing: Tracing;
  private readonly machineRegisters: Registers;
  private readonly count: ThreadCount;
  private readonly tracees = new Map<Tid, Tracee>();
  private readonly ended = new Set<Tid>();
  private stopped: StoppedThread[] = [];
  private stoppedAtNanos = 0n;
  private pauseNanos = 0n;
  private urgency: Urgency | undefined;

  /** Seizes every thread. They go on running until {@link stop}. */
  constructor(target: TargetProcess, held: readonly Tracee[] = []) {
    this.libc = target.libc;
    this.tracing = target.tracing;
    this.pid = target.pid;
    this.machineRegisters = target.machine.registers;
    this.count = new ThreadCount(this.libc, this.pid);
    for (const tracee of held) this.tracees.set(tracee.tid, tracee);
    try {
      // What comes after these few rounds is seized when the others stand: some programs start threads
      // faster than anybody can seize them.
      for (let round = 0; round < RUNNING_ROUNDS; round++)
        if (this.seizeNewThreads().length === 0) break;
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

  /** @returns those that were seized; none when all there are were known */
  private seizeNewThreads(): Tracee[] {
    for (;;) {
      const listed = listThreads(this.pid);
      // Threads that end while the list is read make it skip others.
      const isWhole = listed.length >= this.count.read();
      const unknown = listed.filter((tid) => !this.tracees.has(tid));
      const fresh: Tracee[] = [];
      for (const tid of unknown) {
        const tracee = this.tracing.acquire(tid);
        if (tracee instanceof Tracee) {
          this.tracees.set(tid, tracee);
          fresh.push(tracee);
        } else if (!this.hasEnded(tid)) {
          throw seizeFailure(this.pid, -tracee);
        }
      }
      // A leader that has exited stays listed and cannot be seized.
      if (fresh.length > 0) return fresh;
      if (isWhole && unknown.every((tid) => this.isKnownToHaveEnded(tid))) return [];
    }
  }

  private isKnownToHaveEnded(tid: Tid): boolean {
    const isKnown = this.ended.has(tid);
    this.ended.add(tid);
    return isKnown;
  }

  /** An exiting thread and a leader that has exited cannot be seized and do not matter. */
  private hasEnded(tid: Tid): boolean {
    return hasThreadEnded(this.pid, tid);
  }

  /**
   * Stops every thread and reads its registers.
   * @param deadlineMs `performance.now()` after which to give up
   * @param onStopped sees threads as soon as they stand, each of them once, the sleeping ones while
   *   others still run; false to stop no more of them, since the rest would be in vain
   * @throws HcrError `busy` when a thread does not stop in time, `target-exited`, `target-replaced`
   */
  stop(
    deadlineMs: number,
    onStopped: (threads: readonly StoppedThread[]) => boolean = () => true,
  ): void {
    const [asleep, awake] = this.bySleep();
    this.urgency = Urgency.raise(this.libc);
    this.stoppedAtNanos = process.hrtime.bigint();
    this.stopped = [];
    for (let next = [asleep, awake]; next.length > 0; next = this.unknown()) {
      if (performance.now() > deadlineMs) throw tooManyNew();
      for (const tracees of next) {
        const threads = this.halt(tracees, deadlineMs);
        this.stopped.push(...threads);
        if (!onStopped(threads)) return;
      }
    }
    this.stopped = this.stopped.filter(({ tracee }) => !tracee.isGone());
    if (this.stopped.length === 0) {
      throw new HcrError({ code: 'target-exited', pid: this.pid, how: 'all its threads ended' });
    }
  }

  /** Those that sleep now, and those that run. Nothing depends on it but how long a thread stands
   *  still. */
  private bySleep(): [asleep: Tracee[], awake: Tracee[]] {
    const tracees = [...this.tracees.values()];
    if (tracees.length === 1) return [[], tracees];
    const awake = tracees.filter(({ tid }) => isRunning(this.pid, tid));
    const running = new Set(awake);
    return [tracees.filter((tracee) => !running.has(tracee)), awake];
  }

  /** New threads, seized; none when all there are stand still. */
  private unknown(): Tracee[][] {
    if (this.holdsAll()) return [];
    const fresh = this.seizeNewThreads();
    if (fresh.length > 0) return [fresh];
    // Some have ended since they stood still. If it was by exec, one that stands has become another.
    for (const tracee of this.tracees.values()) if (!tracee.isGone()) tracee.poll();
    this.assertNotReplaced();
    return [];
  }

  /** Whether as many threads are there as stand still: to count them takes a fraction of the time of
   *  listing them, in which the target would stand still. */
  private holdsAll(): boolean {
    const { size } = this.tracees;
    const tracees = [...this.tracees.values()];
    if (this.count.read() !== size || tracees.some((tracee) => tracee.isGone())) return false;
    // One thread there and one that stood still: another, unknown one may have taken its place by exec.
    return size > 1 || tracees[0]?.poll() === undefined;
  }

  /** Stops some threads. Those that end meanwhile are left out. */
  private halt(tracees: readonly Tracee[], deadlineMs: number): StoppedThread[] {
    for (const tracee of tracees) {
      if (!tracee.isGone() && tracee.stop === undefined) this.interrupt(tracee);
    }
    this.awaitAll(tracees, deadlineMs);
    const threads: StoppedThread[] = [];
    for (const tracee of tracees) {
      if (tracee.isGone()) continue;
      try {
        const registers = tracee.readRegisters();
        // Not only when it goes on: then hcr may be killed meanwhile.
        repeatInterruptedCall(tracee, registers, this.machineRegisters);
        threads.push({ tracee, registers });
      } catch (error) {
        tracee.poll();
        if (!tracee.isGone()) throw error;
      }
    }
    return threads;
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
    const running = this.collect(tracees, deadlineMs);
    this.assertNotReplaced();
    if (running.length === 0) return;
    throw new HcrError({
      code: 'busy',
      detail: `thread ${running[0]?.tid ?? 0} does not stop (in an uninterruptible system call, or vfork)`,
      threads: running.map((tracee) => tracee.tid),
      waitedMs: 0,
    });
  }

  private assertNotReplaced(): void {
    for (const { stop } of this.tracees.values()) {
      if (stop?.kind !== 'exec') continue;
      throw new HcrError({
        code: 'target-replaced',
        pid: this.pid,
        detail: 'while its threads were being stopped',
      });
    }
  }

  /** Takes the report of each tracee. In turn: while one is waited for, the others stop as well, and
   *  are found stopped.
   *  @returns those that had nothing to report when it was over */
  private collect(tracees: readonly Tracee[], deadlineMs: number): readonly Tracee[] {
    const start = performance.now();
    const isOver = (tid: Tid): boolean => {
      const now = performance.now();
      // A thread in vfork stands in the kernel until its child calls exec, and one that waits for a
      // device till it answers: not while all others stand.
      return now > deadlineMs || (now > start + UNINTERRUPTIBLE_MS && this.isUninterruptible(tid));
    };
    const waiting = tracees.filter((tracee) => tracee.stop === undefined);
    for (const tracee of waiting) {
      for (let round = 0; tracee.stop === undefined && tracee.poll() === undefined; round++) {
        if (round < SPINS) continue;
        // Where hcr itself was not let run, they have stopped meanwhile.
        if (isOver(tracee.tid))
          return waiting.filter((each) => each.stop === undefined && each.poll() === undefined);
        // The leader of a dying process reports when the deaths of all others have been taken, and
        // a thread in exec stops only then. Those that stood still have died as well.
        if (round % TAKE_DEATHS_ROUNDS === 0) {
          for (const other of this.tracees.values()) if (!other.isGone()) other.poll();
        }
        this.libc.sleepMicros(NAP_MICROS);
      }
    }
    return [];
  }

  private isUninterruptible(tid: Tid): boolean {
    return readThreadStatus(this.pid, tid)?.state === 'D';
  }

  /** Lets all threads run on, untraced. */
  resume(): void {
    // Those that stopped last were running: they go on first.
    const last = this.stopped.map(({ tracee }) => tracee).reverse();
    const tracees = [...new Set([...last, ...this.tracees.values()])];
    // One that never stopped cannot be detached: it is stopped when the others have gone on.
    const running = tracees.filter(({ stop }) => stop === undefined);
    const repair = (tracee: Tracee): void => {
      repairInterruptedCall(tracee, this.machineRegisters);
    };
    const known = new Set(last);
    const standing = tracees.filter(({ stop }) => stop !== undefined);
    standing.filter((tracee) => !known.has(tracee)).forEach(repair);
    this.tracing.release(standing);
    for (const tracee of running) this.interrupt(tracee);
    this.collect(running, performance.now() + RESUME_MS);
    running.forEach(repair);
    this.tracing.release(running, repair);
    this.tracees.clear();
    this.ended.clear();
    this.stopped = [];
    if (this.stoppedAtNanos !== 0n) {
      this.pauseNanos = process.hrtime.bigint() - this.stoppedAtNanos;
      this.stoppedAtNanos = 0n;
      this.urgency?.[Symbol.dispose]();
      // Threads wake up on the processor that woke them, which is this one: make room for them.
      this.libc.sleepMicros(NAP_MICROS);
    }
  }

  [Symbol.dispose](): void {
    this.resume();
    this.count[Symbol.dispose]();
  }
}

function tooManyNew(): HcrError {
  return new HcrError({
    code: 'busy',
    detail: 'it starts threads faster than they can be stopped',
    threads: [],
    waitedMs: 0,
  });
}
