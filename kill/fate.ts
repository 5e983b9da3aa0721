/**
 * What befalls an hcr, and the tracer by whose hand it does. The tracer counts hcr's system calls
 * from the first one that does anything to its target: a call is one point before it and one after it. Calls that only wait are left out of the count, since their number differs from run to
 * run; a wait that had something to report is one point.
 */
import { readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { type Libc, type NativeBuffer, libc } from '../src/ptrace/libc.js';
import { type StopReason, WAIT, stopReason } from '../src/ptrace/requests.js';
import { PTRACE, PTRACE_OPTION } from '../src/ptrace/requests.js';
import { type CallEntry, describeCall } from './system-calls.js';

const KILL_WITH_TRACER = 0x100000;
const WAITING = new Set(['sched_yield', 'nanosleep', 'clock_nanosleep', 'wait4']);
const EVENT_WAITS = new Set(['epoll_wait', 'epoll_pwait']);
const CLONES = new Set(['clone', 'clone3', 'vfork']);
const { SIGKILL, SIGSTOP, SIGCONT } = constants.signals;

/** What is to happen to an hcr. Points are counted from 1. */
export type Plan =
  | { readonly kind: 'spared' }
  | { readonly kind: 'killed-at'; readonly point: number }
  /** So long after its first call that does something to the target. */
  | { readonly kind: 'killed-after'; readonly micros: number }
  /** Stopped as by job control, and continued. */
  | { readonly kind: 'suspended'; readonly point: number; readonly forMs: number }
  | { readonly kind: 'signalled'; readonly point: number; readonly signal: NodeJS.Signals };

export interface Fate {
  /** False when it came to its end before the plan was carried out, or was never to be killed. */
  readonly wasKilled: boolean;
  /** Whether the plan was carried out. */
  readonly wasReached: boolean;
  /** Where, in words. */
  readonly where: string;
  /** Points that were counted. */
  readonly points: number;
  /** From the first of these calls to the end, as far as it was awaited. */
  readonly micros: number;
  /** The process that it started first; 0 for none. */
  readonly child: number;
  readonly ending: StopReason;
}

/** An hcr that is to meet a plan. */
export interface Victim {
  readonly pid: number;
  /** Whether a thread or process is its target. */
  isTarget(tid: number): boolean;
  /** Whether it stops itself, by SIGSTOP, before it begins with its target: it runs up to there at
   *  its own speed. */
  readonly stopsItself: boolean;
  /** Whether its target is a child of its own, so that making it is the first point. */
  readonly startsTarget?: boolean;
  /** Asked when it waits for events; true when it has done what it was to do, and may be killed.
   *  @param child see {@link Fate.child} */
  isDone?(child: number): boolean;
}

export function meet(victim: Victim, plan: Plan): Fate {
  return new Supervision(victim, plan).run();
}

class Supervision {
  private readonly libc: Libc = libc();
  private readonly info: NativeBuffer;
  private readonly victim: Victim;
  private readonly pid: number;
  private readonly plan: Plan;
  private call: CallEntry | undefined;
  private points = 0;
  private child = 0;
  private openedAt = 0;
  private where = '';
  private wasReached = false;

  constructor(victim: Victim, plan: Plan) {
    this.info = this.libc.allocate(128);
    this.victim = victim;
    this.pid = victim.pid;
    this.plan = plan;
  }

  run(): Fate {
    const { stopsItself } = this.victim;
    const options = PTRACE_OPTION.TRACESYSGOOD | KILL_WITH_TRACER;
    const seized = this.libc.ptrace(PTRACE.SEIZE, this.pid, 0, options);
    if (seized < 0) throw new Error(`hcr cannot be traced: errno ${-seized}`);
    if (!stopsItself) this.libc.ptrace(PTRACE.INTERRUPT, this.pid, 0, 0);
    let isCounting = !stopsItself;
    for (;;) {
      const stop = this.wait();
      if (stop.kind === 'exited' || stop.kind === 'killed') return this.fate(stop);
      if (stop.kind === 'syscall' && this.see()) return this.fate(this.awaitEnd());
      if (stop.kind === 'signal' && stop.signal === SIGSTOP && !isCounting) {
        isCounting = true;
        this.goOn(0);
      } else if (stop.kind === 'group-stop') this.libc.ptrace(PTRACE.LISTEN, this.pid, 0, 0);
      else this.goOn(stop.kind === 'signal' ? stop.signal : 0);
    }
  }

  private wait(): StopReason {
    const report = this.libc.waitpid(this.pid, WAIT.ALL);
    if (report === undefined || report.tid < 0) return { kind: 'exited', code: -1 };
    return stopReason(report.status);
  }

  private goOn(signal: number): void {
    this.libc.ptrace(PTRACE.SYSCALL, this.pid, 0, signal);
  }

  /** Looks at a call. @returns whether hcr is no longer traced */
  private see(): boolean {
    const seen = describeCall(this.libc, this.info, this.pid);
    if (seen.at === 'entry') {
      this.call = seen;
      if (this.openedAt === 0 && !this.opens(seen)) return false;
      if (EVENT_WAITS.has(seen.name) && this.victim.isDone?.(this.child) === true) {
        this.reach('when it was done');
        this.libc.kill(this.pid, SIGKILL);
        return true;
      }
      return !WAITING.has(seen.name) && this.passPoint(`before ${seen.name}`);
    }
    const { call } = this;
    this.call = undefined;
    if (this.child === 0 && call !== undefined && CLONES.has(call.name)) this.child = seen.result;
    if (this.openedAt === 0 || call === undefined) return false;
    if (WAITING.has(call.name) && (call.name !== 'wait4' || seen.result <= 0)) return false;
    return this.passPoint(`after ${call.name}`);
  }

  /** Whether this is the first call that does something to the target. */
  private opens({ name, first, second }: CallEntry): boolean {
    const isIt =
      (this.victim.startsTarget === true && CLONES.has(name)) ||
      (name === 'ptrace' && first === PTRACE.SEIZE && this.victim.isTarget(second)) ||
      (name === 'process_vm_writev' && this.victim.isTarget(first)) ||
      (name === 'pwrite64' && this.isTargetsMemory(first));
    if (isIt) this.openedAt = performance.now();
    return isIt;
  }

  private isTargetsMemory(file: number): boolean {
    const path = readlinkSync(`/proc/${this.pid}/fd/${file}`);
    const [, pid] = /^\/proc\/(\d+)\/mem$/.exec(path) ?? [];
    return pid !== undefined && this.victim.isTarget(Number(pid));
  }

  private passPoint(where: string): boolean {
    const { plan, libc: calls, pid } = this;
    this.points++;
    switch (plan.kind) {
      case 'spared':
        return false;
      case 'killed-after':
        this.where = `${plan.micros} µs after it began`;
        calls.ptrace(PTRACE.DETACH, pid, 0, 0);
        calls.sleepMicros(plan.micros);
        this.wasReached = true;
        calls.kill(pid, SIGKILL);
        return true;
      case 'killed-at':
        if (this.points !== plan.point) return false;
        this.reach(where);
        calls.kill(pid, SIGKILL);
        return true;
      case 'suspended':
        if (this.points !== plan.point) return false;
        this.reach(where);
        calls.kill(pid, SIGSTOP);
        calls.ptrace(PTRACE.DETACH, pid, 0, 0);
        calls.sleepMicros(plan.forMs * 1000);
        calls.kill(pid, SIGCONT);
        return true;
      case 'signalled':
        if (this.points !== plan.point) return false;
        this.reach(where);
        calls.kill(pid, constants.signals[plan.signal]);
        return false;
    }
  }

  private reach(where: string): void {
    this.where = `${where} (point ${this.points})`;
    this.wasReached = true;
  }

  private awaitEnd(): StopReason {
    for (;;) {
      const stop = this.wait();
      if (stop.kind === 'exited' || stop.kind === 'killed') return stop;
      this.libc.ptrace(PTRACE.CONT, this.pid, 0, stop.kind === 'signal' ? stop.signal : 0);
    }
  }

  private fate(ending: StopReason): Fate {
    const wasKilled = this.wasReached && ending.kind === 'killed' && ending.signal === SIGKILL;
    return {
      wasKilled,
      wasReached: this.wasReached,
      where: this.where,
      points: this.points,
      micros: this.openedAt === 0 ? 0 : Math.round((performance.now() - this.openedAt) * 1000),
      child: this.child,
      ending,
    };
  }
}
