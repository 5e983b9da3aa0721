/**
 * A program that hcr started and traces all the time, so that a signal can trigger a reload
 * instead of reaching it. Every other signal, stop and continue of job control passes as if nobody
 * looked.
 *
 * The program starts from a shell that stops itself: so it is traced before its first instruction,
 * and no signal comes too early. Events are taken on SIGCHLD, which the kernel sends for each.
 */
import { constants } from 'node:os';
import { type Pid, type Tid, pid as toPid, tid as toTid } from '../core/address.js';
import { HcrError, isHcrError } from '../core/failure.js';
import { seizeFailure } from './attach-failure.js';
import { ERRNO, type Libc, libc } from './libc.js';
import { listThreads, readThreadStatus } from './procfs.js';
import { PTRACE_OPTION, type StopReason, WAIT } from './requests.js';
import { type RegisterBuffer, Tracee, allocateRegisterBuffer } from './tracee.js';
import type { Tracing } from './tracing.js';

const START_SCRIPT = 'kill -STOP $$; exec "$0" "$@"';
const OPTIONS = PTRACE_OPTION.TRACESYSGOOD | PTRACE_OPTION.TRACEEXEC | PTRACE_OPTION.TRACECLONE;
/** SIGCHLD of several events may be one; a look now and then costs nothing. */
const LOOK_MS = 250;
const { SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU } = constants.signals;

export type Exit = { readonly code: number } | { readonly signal: number };

export interface SupervisorEvents {
  /** The program has replaced the shell that started it. */
  onStart(): void;
  /** The signal has come that the program is not to see. */
  onTrigger(): void;
  onExit(exit: Exit): void;
  /** Job control has stopped the program. */
  onJobStop(): void;
}

export class Supervisor implements Tracing, Disposable {
  readonly pid: Pid;
  private readonly libc: Libc;
  private readonly buffer: RegisterBuffer;
  private readonly tracees = new Map<Tid, Tracee>();
  private readonly trigger: number | undefined;
  private readonly events: SupervisorEvents;
  private readonly seen = new Map<number, number>();
  private readonly timer: NodeJS.Timeout;
  private readonly look = (): void => {
    this.takeEvents();
  };
  /** Signals that hcr itself waits for, by thread. */
  private readonly awaited = new Map<Tid, number>();
  private started = false;
  private ended = false;

  /**
   * Starts a program.
   * @param trigger number of the signal that triggers, if any
   * @throws HcrError `usage` when it cannot be started, `attach-denied`
   */
  constructor(command: readonly string[], trigger: number | undefined, events: SupervisorEvents) {
    this.libc = libc();
    this.buffer = allocateRegisterBuffer(this.libc);
    this.trigger = trigger;
    this.events = events;
    const child = this.libc.spawn('/bin/sh', ['sh', '-c', START_SCRIPT, ...command], process.env);
    if (child < 0)
      throw new HcrError({
        code: 'unexpected',
        detail: `/bin/sh does not start (errno ${-child})`,
      });
    this.pid = toPid(child);
    this.awaitStopped();
    const tracee = Tracee.seize(this.libc, this.buffer, toTid(child), OPTIONS);
    if (!(tracee instanceof Tracee)) throw seizeFailure(this.pid, -tracee);
    this.tracees.set(tracee.tid, tracee);
    process.on('SIGCHLD', this.look);
    this.timer = setInterval(this.look, LOOK_MS);
    this.libc.kill(child, SIGCONT);
  }

  private awaitStopped(): void {
    while (this.libc.waitpid(this.pid, WAIT.NOHANG | WAIT.UNTRACED) === undefined)
      this.libc.sleepMicros(100);
  }

  /** When a signal last came to the program, as `performance.now()`; -Infinity for never. */
  lastSeen(signal: number): number {
    return this.seen.get(signal) ?? Number.NEGATIVE_INFINITY;
  }

  acquire(tid: Tid): Tracee | number {
    const known = this.tracees.get(tid);
    if (known !== undefined) return known;
    const seized = Tracee.seize(this.libc, this.buffer, tid, OPTIONS);
    // A new thread is traced from its start; its first report may not have been taken yet.
    const isOurs =
      seized === -ERRNO.EPERM && readThreadStatus(this.pid, tid)?.tracerPid === process.pid;
    const tracee = isOurs ? Tracee.adopt(this.libc, this.buffer, tid) : seized;
    if (tracee instanceof Tracee) this.tracees.set(tid, tracee);
    return tracee;
  }

  awaitSignal(tracee: Tracee, signal: number): boolean {
    this.awaited.set(tracee.tid, signal);
    this.takeEvents();
    return tracee.stop?.kind === 'signal' && tracee.stop.signal === signal;
  }

  release(tracees: readonly Tracee[]): void {
    for (const { tid } of tracees) this.awaited.delete(tid);
    for (const tracee of tracees) if (tracee.stop !== undefined) this.handle(tracee, tracee.stop);
  }

  /** Takes every report there is. */
  private takeEvents(): void {
    if (this.hasEnded()) return;
    for (let found = true; found && !this.hasEnded(); ) {
      found = false;
      for (const tracee of [...this.tracees.values()]) {
        if (tracee.stop !== undefined) continue;
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
        if (isLeader(tracee, this.pid))
          this.finish(stop.kind === 'exited' ? { code: stop.code } : { signal: stop.signal });
        return;
      case 'exec':
        this.forgetOtherThreads();
        tracee.continue();
        if (!this.started) {
          this.started = true;
          this.events.onStart();
        }
        return;
      case 'clone': {
        const tid = toTid(tracee.readEventMessage());
        tracee.continue();
        this.acquire(tid);
        return;
      }
      case 'group-stop':
        tracee.listen();
        if (isLeader(tracee, this.pid) && isKeyboardStop(stop.signal)) this.events.onJobStop();
        return;
      case 'signal':
        if (this.awaited.get(tracee.tid) === stop.signal) return;
        this.deliver(tracee, stop.signal);
        return;
      case 'interrupted':
      case 'syscall':
        tracee.continue();
    }
  }

  private deliver(tracee: Tracee, signal: number): void {
    this.seen.set(signal, performance.now());
    if (signal === this.trigger && this.started) {
      tracee.continue();
      this.events.onTrigger();
      return;
    }
    tracee.continue(signal);
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
