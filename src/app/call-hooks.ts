/**
 * Calls the program's hooks around a change of generation. Those before are called when all else is
 * ready, and may refuse the change by not coming back; those after are called with the number that is
 * live, whatever became of the change.
 */
import type { AddrRange } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { HookKind } from '../link/marked-data.js';
import { safePointOf } from '../patch/safe-point.js';
import { signalName } from '../ptrace/fatal-signal.js';
import type { CallEnd } from '../ptrace/function-call.js';
import { type JudgePosition, takeThreadAtSafePoint } from '../ptrace/safe-point.js';
import { backtracerOf } from './backtrace.js';
import { FrameOwners } from './frame-owners.js';
import { type Hook, type ProgramHooks, findHooks } from './hooks.js';
import type { ProcessImage } from './observe.js';
import type { HookNames, ReportProgress } from './report.js';

export class HookCalls {
  private readonly image: ProcessImage;
  private readonly hooks: ProgramHooks;
  private readonly changing: () => readonly AddrRange[];
  private readonly timeoutMs: number;
  private readonly onProgress: ReportProgress;
  private readonly called: Record<HookKind, string[]> = { before: [], after: [] };

  /** @param changing code of the functions that change
   *  @param timeoutMs for the thread to come to a safe point, and for each hook to return */
  constructor(
    image: ProcessImage,
    changing: () => readonly AddrRange[],
    timeoutMs: number,
    onProgress: ReportProgress,
  ) {
    this.image = image;
    this.hooks = findHooks(image);
    this.changing = changing;
    this.timeoutMs = timeoutMs;
    this.onProgress = onProgress;
  }

  get notes(): readonly string[] {
    return this.hooks.notes;
  }

  /** Names of those that have returned; undefined in a program that asks for none. */
  get report(): HookNames | undefined {
    const { before, after } = this.hooks;
    return before.length + after.length === 0 ? undefined : this.called;
  }

  /** @param generation that is about to go live
   *  @throws HcrError `busy` with none called, `hook-failed`, and those of a target that ends */
  async before(generation: number): Promise<void> {
    if (this.isStanding) return;
    const left = await this.call('before', generation);
    if (left === undefined) return;
    throw new HcrError({ code: 'hook-failed', hook: left.hook.name, reason: textOf(left.end) });
  }

  /** @param generation that is live
   *  @returns what is to be said when one was not called, or did not come back */
  async after(generation: number): Promise<string[]> {
    const { after, before } = this.hooks;
    if (this.isStanding)
      return after.length + before.length === 0
        ? []
        : ['The hooks of the program were not called: all its threads stand.'];
    try {
      const left = await this.call('after', generation);
      if (left === undefined) return [];
      return [`The hook ${left.hook.name} ${textOf(left.end)}; those after it were not called.`];
    } catch (error) {
      if (
        !(error instanceof HcrError) ||
        (error.code !== 'busy' && error.code !== 'unsupported-target')
      )
        throw error;
      return [`The hooks after the change were not called. ${error.message}`];
    }
  }

  private get isStanding(): boolean {
    return this.image.target.tracing.isStanding;
  }

  /** @returns the hook that did not come back; then the ones after it were not called */
  private async call(
    kind: HookKind,
    generation: number,
  ): Promise<{ readonly hook: Hook; readonly end: CallEnd } | undefined> {
    const waiting = [...this.hooks[kind]];
    while (waiting.length > 0) {
      using thread = await takeThreadAtSafePoint(this.image.target, {
        judge: this.judge(),
        timeoutMs: this.timeoutMs,
        onWait: (reason) => {
          this.onProgress({ stage: 'waiting', reason });
        },
      });
      for (let hook = waiting[0]; hook !== undefined && thread.canGoOn; hook = waiting[0]) {
        this.onProgress({ stage: 'hook', name: hook.name });
        const end = await thread.call(hook.entry, generation, performance.now() + this.timeoutMs);
        if (end.kind !== 'returned') return { hook, end };
        this.called[kind].push(hook.name);
        waiting.shift();
      }
    }
    return undefined;
  }

  private judge(): JudgePosition {
    const backtracer = backtracerOf(this.image);
    const owners = new FrameOwners(this.image, this.changing());
    owners.prepare();
    return (position, isWaiting) =>
      safePointOf(backtracer.trace(position), isWaiting, (frame) => owners.of(frame));
  }
}

function textOf(end: CallEnd): string {
  switch (end.kind) {
    case 'overdue':
      return 'still runs after --timeout, and finishes by itself';
    case 'faulted':
      return `was hit by ${signalName(end.signal)}`;
    case 'ended':
      return 'ended its thread';
    case 'returned':
      return 'returned';
  }
}
