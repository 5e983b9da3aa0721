/**
 * A program that hcr started and traces all the time, so that a signal can trigger a reload
 * instead of reaching it. Every other signal, stop and continue of job control passes as if nobody
 * looked.
 *
 * It is held until it is traced (`held-program.ts`). Events are taken on SIGCHLD, which the kernel
 * sends for each.
 */
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type Pid, type Tid, tid as toTid } from '../core/address.js';
import { isHcrError } from '../core/failure.js';
import { assertNotTraced, seizeFailure } from './attach-failure.js';
import { CallRepairs } from './call-repairs.js';
import { isFatal } from './fatal-signal.js';
import { HeldProgram } from './held-program.js';
import { type Libc, libc } from './libc.js';
import { hasThreadEnded, listThreads, ownTracerPid, readThreadStatus } from './procfs.js';
import { PTRACE_OPTION, type StopReason } from './requests.js';
import { type RegisterBuffer, Tracee, allocateRegisterBuffer } from './tracee.js';
import type { Tracing } from './tracing.js';

const OPTIONS = PTRACE_OPTION.TRACESYSGOOD | PTRACE_OPTION.TRACEEXEC | PTRACE_OPTION.TRACECLONE;
/** SIGCHLD of several events may be one; a look now and then costs nothing. */
const LOOK_MS = 250;
const RETRY_MS = 5;
const { SIGTSTP, SIGTTIN, SIGTTOU } = constants.signals;

export type Exit = { readonly code: number } | { readonly signal: number };

export interface SupervisorEvents {
  /** The program has replaced the shell that started it. */
  onStart(): void;
  /** The signal has come that the program is not to see. */
  onTrigger(): void;
  onExit(exit: Exit): void;
  /** Job control has stopped the program. */
  onJobStop(): void;
  /** A thread stands just before a signal that ends the program unless somebody steps in: it
   *  stands until {@link Supervisor.settle} is called for it. Absent: it is delivered. */
  onFatalSignal?(tracee: Tracee, signal: number): void;
}

export class Supervisor implements Tracing, Disposable {
  readonly pid: Pid;
  private readonly libc: Libc;
  private readonly buffer: RegisterBuffer;
  private readonly tracees = new Map<Tid, Tracee>();
  /** Traced by the kernel's doing, and let go when they first stop. */
  private readonly strangers = new Set<Tracee>();
  private readonly trigger: number | undefined;
  private readonly events: SupervisorEvents;
  private readonly seen = new Map<number, number>();
  private readonly timer: NodeJS.Timeout;
  private readonly look = (): void => {
    this.takeEvents();
  };
  /** Signals that hcr itself waits for, by thread. */
  private readonly awaited = new Map<Tid, number>();
  /** Threads at a fatal signal that is not decided on yet. */
  private readonly held = new Set<Tid>();
  /** Threads whose reports somebody else takes. */
  private readonly reserved = new Set<Tid>();
  /** True while no thread is to run on, whatever it reports. */
  private standing = false;
  /** What they are to get instead. */
  private readonly settled = new Map<Tid, number>();
  private started = false;
  private readonly repairs: CallRepairs;
  private ended = false;

  /** @param pid a child of hcr's that has stopped itself, or any process that runs */
  private constructor(pid: Pid, trigger: number | undefined, events: SupervisorEvents) {
    this.libc = libc();
    this.buffer = allocateRegisterBuffer(this.libc);
    this.trigger = trigger;
    this.events = events;
    this.pid = pid;
    this.repairs = new CallRepairs(pid);
    this.timer = setInterval(this.look, LOOK_MS);
    process.on('SIGCHLD', this.look);
  }

  /**
   * Starts a program.
   * @param trigger number of the signal that triggers, if any
   * @throws HcrError `usage` when it cannot be started, `attach-denied`
   */
  static start(
    command: readonly string[],
    trigger: number | undefined,
    events: SupervisorEvents,
  ): Supervisor {
    using program = new HeldProgram(command);
    const supervisor = new Supervisor(program.pid, trigger, events);
    try {
      supervisor.seize(toTid(program.pid));
    } catch (error) {
      supervisor[Symbol.dispose]();
      throw error;
    }
    program.go();
    return supervisor;
  }

  /** Traces a process that runs.
   *  @throws HcrError `no-such-process`, `attach-denied`, `already-traced` */
  static attach(pid: Pid, events: SupervisorEvents): Supervisor {
    assertNotTraced(pid);
    const supervisor = new Supervisor(pid, undefined, events);
    supervisor.started = true;
    try {
      // Threads that come from now on are traced from their start.
      for (let isNew = true; isNew; ) {
        const unknown = listThreads(pid).filter((tid) => !supervisor.tracees.has(tid));
        isNew = unknown.filter((tid) => supervisor.seize(tid)).length > 0;
      }
    } catch (error) {
      supervisor[Symbol.dispose]();
      throw error;
    }
    return supervisor;
  }

  /** @returns false when it has ended
   *  @throws HcrError `attach-denied` and the like */
  private seize(tid: Tid): boolean {
    const tracee = this.acquire(tid);
    if (tracee instanceof Tracee) return true;
    if (!hasThreadEnded(this.pid, tid)) throw seizeFailure(this.pid, -tracee);
    return false;
  }

  /** When a signal last came to the program, as `performance.now()`; -Infinity for never. */
  lastSeen(signal: number): number {
    return this.seen.get(signal) ?? Number.NEGATIVE_INFINITY;
  }

  acquire(tid: Tid): Tracee | number {
    const known = this.tracees.get(tid);
    if (known !== undefined) return known;
    // A new thread is traced from its start; its first report may not have been taken yet. Asked
    // first: to seize one while another calls exec would wait for threads that hcr has to reap.
    const isOurs = readThreadStatus(this.pid, tid)?.tracerPid === ownTracerPid();
    const tracee = isOurs
      ? Tracee.adopt(this.libc, this.buffer, tid, OPTIONS)
      : Tracee.seize(this.libc, this.buffer, tid, OPTIONS);
    if (tracee instanceof Tracee) this.tracees.set(tid, tracee);
    return tracee;
  }

  awaitSignal(tracee: Tracee, signal: number): boolean {
    this.awaited.set(tracee.tid, signal);
    this.takeEvents();
    return tracee.stop?.kind === 'signal' && tracee.stop.signal === signal;
  }

  reserve({ tid }: Tracee): void {
    this.reserved.add(tid);
  }

  pass(tracee: Tracee): void {
    const wasReserved = this.reserved.delete(tracee.tid);
    if (tracee.stop !== undefined) this.handle(tracee, tracee.stop);
    if (wasReserved && !tracee.isGone()) this.reserve(tracee);
  }

  release(tracees: readonly Tracee[]): void {
    for (const { tid } of tracees) {
      this.awaited.delete(tid);
      this.reserved.delete(tid);
    }
    for (const tracee of tracees) if (tracee.stop !== undefined) this.handle(tracee, tracee.stop);
  }

  get isStanding(): boolean {
    return this.standing;
  }

  /** From now on a thread that stops stays stopped, until {@link goOn} or {@link letGo}. To stop
   *  them is up to the caller. */
  stand(): void {
    this.standing = true;
  }

  /** What has stopped meanwhile runs on, but for threads at a fatal signal. */
  goOn(): void {
    this.standing = false;
    this.release([...this.tracees.values()]);
  }

  /** Decides what a thread at a fatal signal gets: another signal, or 0 for none. It runs on then,
   *  or when all do. */
  settle(tracee: Tracee, signal: number): void {
    this.held.delete(tracee.tid);
    this.settled.set(tracee.tid, signal);
    if (tracee.stop !== undefined) this.handle(tracee, tracee.stop);
  }

  /** Stops tracing. All threads must stand; those that were settled get what was settled. What is
   *  left is to wait for the program's end. */
  letGo(): void {
    this.standing = false;
    for (const tracee of this.tracees.values()) {
      const signal = this.settled.get(tracee.tid);
      if (signal !== undefined) tracee.stop = { kind: 'signal', signal };
      if (!tracee.isGone()) tracee.detach();
      tracee.stop = undefined;
      if (!isLeader(tracee, this.pid)) this.tracees.delete(tracee.tid);
    }
  }

  /** One that stops late goes on by itself. */
  async awaitLate(): Promise<void> {
    await delay(RETRY_MS);
  }

  /** Takes every report there is. */
  private takeEvents(): void {
    if (this.hasEnded()) return;
    this.letStrangersGo();
    for (let found = true; found && !this.hasEnded(); ) {
      found = false;
      for (const tracee of [...this.tracees.values()]) {
        // One that stands may have been killed.
        const stop = tracee.poll();
        if (stop === undefined) continue;
        found = true;
        this.handle(tracee, stop);
      }
    }
  }

  private hasEnded(): boolean {
    return this.ended;
  }

  private handle(tracee: Tracee, stop: StopReason): void {
    if ((this.standing || this.reserved.has(tracee.tid)) && !tracee.isGone()) return;
    try {
      this.react(tracee, stop);
    } catch (error) {
      // Killed while it was stopped: its end is reported next.
      if (!isHcrError(error, 'target-exited')) throw error;
      tracee.stop = undefined;
    }
  }

  private react(tracee: Tracee, stop: StopReason): void {
    switch (stop.kind) {
      case 'exited':
      case 'killed':
        this.tracees.delete(tracee.tid);
        this.held.delete(tracee.tid);
        this.settled.delete(tracee.tid);
        this.reserved.delete(tracee.tid);
        if (isLeader(tracee, this.pid))
          this.finish(stop.kind === 'exited' ? { code: stop.code } : { signal: stop.signal });
        return;
      case 'exec':
        this.forgetOtherThreads();
        this.repairs.forgetProgram();
        tracee.continue();
        if (!this.started) {
          this.started = true;
          this.events.onStart();
        }
        return;
      case 'clone': {
        const tid = toTid(tracee.readEventMessage());
        tracee.continue();
        if (readThreadStatus(this.pid, tid) === undefined) this.leave(tid);
        else this.acquire(tid);
        return;
      }
      case 'group-stop':
        tracee.listen();
        if (isLeader(tracee, this.pid) && isKeyboardStop(stop.signal)) this.events.onJobStop();
        return;
      case 'signal':
        if (this.awaited.get(tracee.tid) === stop.signal) return;
        this.repair(tracee);
        this.deliver(tracee, stop.signal);
        return;
      case 'interrupted':
        this.repair(tracee);
        tracee.continue();
        return;
      case 'syscall':
        tracee.continue();
    }
  }

  /** Until then it is the shell that starts the program. */
  private repair(tracee: Tracee): void {
    if (this.started) this.repairs.repair(tracee);
  }

  private deliver(tracee: Tracee, signal: number): void {
    const settled = this.settled.get(tracee.tid);
    if (settled !== undefined) {
      this.settled.delete(tracee.tid);
      tracee.continue(settled);
      return;
    }
    if (this.held.has(tracee.tid)) return;
    this.seen.set(signal, performance.now());
    if (signal === this.trigger && this.started) {
      tracee.continue();
      this.events.onTrigger();
      return;
    }
    if (this.events.onFatalSignal !== undefined && isFatal(this.pid, tracee.tid, signal)) {
      this.held.add(tracee.tid);
      this.events.onFatalSignal(tracee, signal);
      return;
    }
    tracee.continue(signal);
  }

  /** What clone made with an unusual exit signal may be a process of its own: that is not traced. */
  private leave(tid: Tid): void {
    const tracee = Tracee.adopt(this.libc, this.buffer, tid, OPTIONS);
    this.strangers.add(tracee);
    this.letStrangersGo();
  }

  private letStrangersGo(): void {
    for (const tracee of this.strangers)
      if (tracee.poll() !== undefined && tracee.detach()) this.strangers.delete(tracee);
  }

  /** exec leaves one thread, with the id of the process. */
  private forgetOtherThreads(): void {
    const alive = new Set(listThreads(this.pid));
    for (const tid of this.tracees.keys()) if (!alive.has(tid)) this.tracees.delete(tid);
  }

  private finish(exit: Exit): void {
    if (this.ended) return;
    this.ended = true;
    this[Symbol.dispose]();
    this.events.onExit(exit);
  }

  /** Stops looking. The kernel lets the program run on, untraced, when hcr ends. */
  [Symbol.dispose](): void {
    clearInterval(this.timer);
    process.off('SIGCHLD', this.look);
  }
}

function isKeyboardStop(signal: number): boolean {
  return signal === SIGTSTP || signal === SIGTTIN || signal === SIGTTOU;
}

function isLeader(tracee: Tracee, pid: Pid): boolean {
  return Number(tracee.tid) === Number(pid);
}
