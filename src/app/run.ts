/** `hcr run`: starts a program and reloads it when a signal comes. */
import { constants } from 'node:os';
import { HcrError } from '../core/failure.js';
import { signalName } from '../ptrace/fatal-signal.js';
import { type Exit, Supervisor } from '../ptrace/supervisor.js';
import { attachFunctions } from './attach.js';
import { CrashGuard } from './crash-guard.js';
import type { CrashHandling } from './crash-report.js';
import { reloadChanged } from './reload.js';
import type { PatchReport, RunEvent, RunOptions } from './report.js';
import { WatchSession } from './watch.js';
import type { WatchListener } from './watch-event.js';
import { Saves } from './saves.js';
import { Turns } from './turns.js';

/** Signals that a terminal sends to hcr and its program alike, or a user to hcr alone. */
const KEYBOARD_SIGNALS = ['SIGINT', 'SIGQUIT'] as const;
/** Signals for hcr that are meant for the program. */
const FORWARDED_SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
/** A terminal's signal reaches hcr and the program at about the same time. */
const SAME_KEYSTROKE_MS = 100;

/**
 * Runs until the program ends.
 * @param onWatch reload with each save as well, and tell of it
 * @returns the program's exit code, or 128 and the number of the signal that ended it
 * @throws HcrError `usage` when the program cannot be started
 */
export function runProgram(
  command: readonly string[],
  options: RunOptions,
  listener: (event: RunEvent) => void,
  onWatch?: WatchListener,
): Promise<number> {
  return new Promise((resolve, reject) => {
    try {
      new Run(command, options, listener, onWatch, resolve);
    } catch (error) {
      reject(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

class Run {
  private readonly options: RunOptions;
  private readonly listener: (event: RunEvent) => void;
  private readonly onWatch: WatchListener | undefined;
  private readonly supervisor: Supervisor;
  private watch: WatchSession | undefined;
  private readonly turns = new Turns();
  private readonly guard: CrashGuard | undefined;
  private isLetGo = false;
  private reloading = false;
  private again = false;
  private readonly undo: (() => void)[] = [];
  /** The program has ended: nobody wants what is compiled. */
  private readonly aborted = new AbortController();

  constructor(
    command: readonly string[],
    options: RunOptions,
    listener: (event: RunEvent) => void,
    onWatch: WatchListener | undefined,
    done: (exitCode: number) => void,
  ) {
    this.options = options;
    this.listener = listener;
    this.onWatch = onWatch;
    this.supervisor = Supervisor.start(command, signalNumber(options.on), {
      onStart: () => {
        listener({ kind: 'started', pid: this.supervisor.pid });
        this.startWatch();
      },
      onTrigger: () => void this.reload(),
      onExit: (exit) => {
        for (const undo of this.undo) undo();
        this.aborted.abort();
        this.watch?.[Symbol.dispose]();
        this.guard?.end();
        listener({ kind: 'exited', ...describeExit(exit) });
        done('code' in exit ? exit.code : 128 + exit.signal);
      },
      onJobStop: () => {
        process.kill(process.pid, 'SIGSTOP');
      },
      onFatalSignal: (tracee, signal) => {
        if (this.guard === undefined) this.supervisor.settle(tracee, signal);
        else this.guard.take(tracee, signal);
      },
    });
    this.guard = options.crashes && this.guardWith(options.crashes);
    this.takeSignals();
  }

  private startWatch(): void {
    if (this.onWatch === undefined) return;
    const { functions, patch } = this.options;
    const { supervisor } = this;
    try {
      this.watch = new WatchSession(
        supervisor.pid,
        { patch, functions, tracing: supervisor, turns: this.turns, isStarting: true },
        (event) => {
          this.onWatch?.(event);
          if (event.kind === 'patched') this.guard?.noteReload(event.report);
        },
      );
    } catch (error) {
      if (!(error instanceof HcrError)) throw error;
      this.listener({ kind: 'refused', error });
    }
  }

  private guardWith(crashes: CrashHandling): CrashGuard {
    return new CrashGuard(this.supervisor, this.turns, {
      ...crashes,
      follow: (source) => (this.watch === undefined ? this.reloadOnSave(source) : undefined),
      tell: (event) => {
        this.listener(event);
        if (event.kind === 'crash-settled' && event.choice === 'debugger') this.letGo();
      },
    });
  }

  /** The program is a debugger's now; what is left is to wait for its end. */
  private letGo(): void {
    this.isLetGo = true;
    this.watch?.[Symbol.dispose]();
  }

  private reloadOnSave(source: string | undefined): Disposable {
    const saves = new Saves(() => void this.reload());
    // `file:line`
    if (source !== undefined) saves.follow([source.replace(/:\d+$/, '')]);
    return saves;
  }

  /** Triggers that come while a reload runs ask for one more, not for many. */
  private async reload(): Promise<void> {
    if (this.isLetGo) return;
    if (this.watch !== undefined) {
      this.watch.reload();
      return;
    }
    this.again = true;
    if (this.reloading) return;
    this.reloading = true;
    try {
      while (this.again) {
        this.again = false;
        await this.reloadOnce();
      }
    } finally {
      this.reloading = false;
    }
  }

  private async reloadOnce(): Promise<void> {
    this.listener({ kind: 'reloading' });
    try {
      const report = await this.turns.take(() => this.patch());
      this.listener({ kind: 'reloaded', report });
      this.guard?.noteReload(report);
    } catch (error) {
      if (!(error instanceof HcrError)) throw error;
      if (!this.aborted.signal.aborted) this.listener({ kind: 'refused', error });
    }
  }

  private patch(): Promise<PatchReport> {
    const { functions } = this.options;
    const patch = { ...this.options.patch, signal: this.aborted.signal };
    const { pid } = this.supervisor;
    const quietly = (): void => undefined;
    return functions.length > 0
      ? attachFunctions(pid, functions, patch, quietly, this.supervisor)
      : reloadChanged(pid, [], patch, quietly, this.supervisor);
  }

  private takeSignals(): void {
    const on = (signal: NodeJS.Signals, handler: () => void): void => {
      process.on(signal, handler);
      this.undo.push(() => process.off(signal, handler));
    };
    for (const signal of KEYBOARD_SIGNALS)
      on(signal, () => {
        this.passOn(signal);
      });
    for (const signal of FORWARDED_SIGNALS)
      on(signal, () => {
        this.send(signal);
      });
    // Stopping hcr at once would leave the program waiting for its tracer; see onJobStop.
    on('SIGTSTP', () => undefined);
  }

  /** From the keyboard the program has it already; from `kill` it has not. */
  private passOn(signal: NodeJS.Signals): void {
    const number = constants.signals[signal];
    const isTrigger = signal === this.options.on;
    const takenAt = performance.now();
    setTimeout(() => {
      if (Math.abs(takenAt - this.supervisor.lastSeen(number)) <= SAME_KEYSTROKE_MS) return;
      if (isTrigger) void this.reload();
      else this.send(signal);
    }, SAME_KEYSTROKE_MS);
  }

  private send(signal: NodeJS.Signals): void {
    try {
      process.kill(this.supervisor.pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

function signalNumber(name: string | undefined): number | undefined {
  return name === undefined ? undefined : constants.signals[name as NodeJS.Signals];
}

function describeExit(exit: Exit): { code: number | null; signal: string | null } {
  if ('code' in exit) return { code: exit.code, signal: null };
  return { code: null, signal: signalName(exit.signal) };
}
