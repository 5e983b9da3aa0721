/** A process that hcr stays attached to, so that a crash of new code can be dealt with. */
import { pid as toPid } from '../core/address.js';
import { isHcrError } from '../core/failure.js';
import { Supervisor } from '../ptrace/supervisor.js';
import type { Tracing } from '../ptrace/tracing.js';
import { withdraw } from '../ptrace/withdraw.js';
import { CrashGuard, type CrashGuardOptions } from './crash-guard.js';
import type { PatchReport } from './report.js';
import type { Turns } from './turns.js';

export class GuardedProcess implements Disposable {
  private readonly supervisor: Supervisor;
  private readonly guard: CrashGuard;
  private readonly onEnd: () => void;
  private isOver = false;

  /**
   * @param turns shared with whoever else changes the program
   * @param onEnd the program has ended, or is a debugger's now
   * @throws HcrError `no-such-process`, `attach-denied`, `already-traced`
   */
  constructor(pid: number, turns: Turns, options: CrashGuardOptions, onEnd: () => void) {
    this.onEnd = onEnd;
    this.supervisor = Supervisor.attach(toPid(pid), {
      onStart: () => undefined,
      onTrigger: () => undefined,
      onJobStop: () => undefined,
      onExit: () => {
        this.end();
      },
      onFatalSignal: (tracee, signal) => {
        this.guard.take(tracee, signal);
      },
    });
    this.guard = new CrashGuard(this.supervisor, turns, {
      ...options,
      tell: (event) => {
        options.tell(event);
        if (event.kind === 'crash-settled' && event.choice === 'debugger') this.end();
      },
    });
  }

  /** How patches reach the threads. */
  get tracing(): Tracing {
    return this.supervisor;
  }

  /** Something has been made live. */
  noteReload(report: PatchReport): void {
    if (!report.dryRun) this.guard.noteReload(report);
  }

  /** Detaches; the process runs on. Not while a thread stands at a crash.
   *  @throws HcrError `busy` when its threads cannot be stopped for it now: it is guarded as before */
  leave(): void {
    if (this.isOver) return;
    try {
      withdraw(this.supervisor);
    } catch (error) {
      if (!isHcrError(error, 'no-such-process') && !isHcrError(error, 'target-exited')) throw error;
    }
    this.isOver = true;
  }

  private end(): void {
    if (this.isOver) return;
    this[Symbol.dispose]();
    this.onEnd();
  }

  /** The process runs on, untraced, when hcr ends. */
  [Symbol.dispose](): void {
    this.isOver = true;
    this.guard.end();
    this.supervisor[Symbol.dispose]();
  }
}
