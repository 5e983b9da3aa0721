/**
 * Finds a thread that may run functions of the program: one that stands at a safe point. Threads are
 * stopped one at a time, while all others run.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Tid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { StoppedPosition } from '../patch/busy-frames.js';
import type { SafePoint } from '../patch/safe-point.js';
import { FunctionCaller } from './function-call.js';
import { giveBack, interruptAndWait, readFirstMade, threadsThatCanStop } from './one-thread.js';
import type { TargetProcess } from './process.js';
import { awaitWaysOut } from './return-watch.js';
import { StackReader } from './thread-stacks.js';
import { Tracee } from './tracee.js';

/** A first thread that mostly waits is met waiting: it holds less then than in the middle of its work. */
const PATIENT_MS = 40;
/** After that any thread will do: the first one may be waiting for a lock for ever. */
const CHOOSY_MS = 150;
const SHORTEST_NAP_MS = 2;
const LONGEST_NAP_MS = 50;
const NAP_GROWTH = 1.3;
const WAY_MS = 500;

/** @param isWaiting whether it stands in a system call that the kernel makes again */
export type JudgePosition = (position: StoppedPosition, isWaiting: boolean) => SafePoint;

export interface SafePointRequest {
  readonly judge: JudgePosition;
  readonly timeoutMs: number;
  readonly onWait?: (reason: string) => void;
}

/**
 * Waits for a thread that can run functions of the program, the first one if possible.
 * @throws HcrError `busy`, `unsupported-target`, `attach-denied`, `target-exited`, `target-replaced`
 */
export async function takeThreadAtSafePoint(
  target: TargetProcess,
  { judge, timeoutMs, onWait }: SafePointRequest,
): Promise<FunctionCaller> {
  const search = new Search(target, judge);
  const start = performance.now();
  for (let napMs = SHORTEST_NAP_MS; ; napMs = Math.min(LONGEST_NAP_MS, napMs * NAP_GROWTH)) {
    const ageMs = performance.now() - start;
    const found = await search.look(ageMs, start + timeoutMs);
    if (found !== undefined) return found;
    if (ageMs >= timeoutMs) throw busy(search.reasons, timeoutMs);
    if (ageMs > CHOOSY_MS) onWait?.(describe(search.reasons));
    await delay(napMs);
  }
}

interface Accepted {
  readonly point: SafePoint;
  readonly caller: FunctionCaller | undefined;
}

class Search {
  /** Why each thread that was looked at last would not do. */
  readonly reasons = new Map<Tid, string>();
  private readonly target: TargetProcess;
  private readonly judge: JudgePosition;
  private stacks: StackReader;

  constructor(target: TargetProcess, judge: JudgePosition) {
    this.target = target;
    this.judge = judge;
    this.stacks = new StackReader(target);
  }

  async look(ageMs: number, deadlineMs: number): Promise<FunctionCaller | undefined> {
    const { target } = this;
    const first = Number(target.pid);
    const threads = [...threadsThatCanStop(target.pid)];
    if (threads.length === 0)
      throw new HcrError({ code: 'target-exited', pid: target.pid, how: 'all its threads ended' });
    this.reasons.clear();
    this.stacks = new StackReader(target);
    const mayCompute = ageMs >= PATIENT_MS;
    const hasFirst = threads.some((tid) => Number(tid) === first);
    const others = ageMs >= CHOOSY_MS || !hasFirst;
    threads.sort((a, b) => Number(Number(b) === first) - Number(Number(a) === first));
    for (const tid of others ? threads : threads.slice(0, 1)) {
      const tracee = this.stop(tid);
      if (tracee === undefined) continue;
      const { caller, point } = this.accept(tracee, mayCompute);
      const taken = caller ?? (await this.takeOnItsWay(tid, point, mayCompute, deadlineMs));
      if (taken !== undefined) return taken;
    }
    return undefined;
  }

  /** Stops it where it comes to a safe point. */
  private async takeOnItsWay(
    tid: Tid,
    point: SafePoint,
    mayCompute: boolean,
    deadlineMs: number,
  ): Promise<FunctionCaller | undefined> {
    if (point.kind !== 'none' || point.way === undefined || !mayCompute) return undefined;
    const until = Math.min(deadlineMs, performance.now() + WAY_MS);
    const held = await awaitWaysOut(this.target, [{ tid, way: point.way }], until);
    let taken: FunctionCaller | undefined;
    for (const tracee of held) {
      if (taken === undefined && interruptAndWait(this.target, tracee))
        taken = this.accept(tracee, mayCompute).caller;
      else giveBack(this.target, tracee);
    }
    return taken;
  }

  /** The tracee is given back when it will not do. */
  private accept(tracee: Tracee, mayCompute: boolean): Accepted {
    const { target } = this;
    let caller: FunctionCaller | undefined;
    try {
      const point = this.judge(...this.positionOf(tracee));
      const isWanted = point.kind === 'waits' || (point.kind === 'computes' && mayCompute);
      if (isWanted) caller = FunctionCaller.on(target, tracee, target.maps());
      if (point.kind === 'none') this.reasons.set(tracee.tid, point.reason);
      else if (caller === undefined)
        this.reasons.set(tracee.tid, 'has no room on a stack that hcr knows');
      return { point, caller };
    } finally {
      if (caller === undefined) giveBack(target, tracee);
    }
  }

  private stop(tid: Tid): Tracee | undefined {
    const tracee = this.target.tracing.acquire(tid);
    if (!(tracee instanceof Tracee)) return undefined;
    let isTaken = false;
    try {
      isTaken = interruptAndWait(this.target, tracee) && tracee.stop?.kind === 'interrupted';
      if (!isTaken) this.reasons.set(tid, 'is stopped, or in the kernel');
      return isTaken ? tracee : undefined;
    } finally {
      if (!isTaken) giveBack(this.target, tracee);
    }
  }

  private positionOf(tracee: Tracee): readonly [StoppedPosition, isWaiting: boolean] {
    const registers = readFirstMade(this.target, tracee);
    const [position] = this.stacks.locate([{ tracee, registers }]);
    if (position === undefined)
      throw new HcrError({ code: 'unexpected', detail: 'a stopped thread has no position' });
    const call = this.target.machine.registers.interruptedSyscall(registers);
    return [position, call?.repeatable === true];
  }
}

function describe(reasons: ReadonlyMap<Tid, string>): string {
  const [first] = reasons;
  if (first === undefined) return 'no thread comes to a safe point for the hooks of the program';
  const others = reasons.size > 1 ? ` (and ${reasons.size - 1} more)` : '';
  return `no thread comes to a safe point for the hooks of the program: thread ${first[0]}${others} ${first[1]}`;
}

function busy(reasons: ReadonlyMap<Tid, string>, waitedMs: number): HcrError {
  return new HcrError({
    code: 'busy',
    detail: describe(reasons),
    threads: [...reasons.keys()],
    waitedMs,
  });
}
