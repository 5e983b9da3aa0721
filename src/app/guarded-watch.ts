/** `hcr watch --guard`: a watch that stays attached, so that a crash of new code can be dealt with. */
import { pid as toPid } from '../core/address.js';
import { Supervisor } from '../ptrace/supervisor.js';
import { CrashGuard } from './crash-guard.js';
import type { CrashEvent, CrashHandling } from './crash-report.js';
import { Turns } from './turns.js';
import { WatchSession, type WatchOptions } from './watch.js';
import type { WatchListener } from './watch-event.js';

export class GuardedWatch implements Disposable {
  private readonly supervisor: Supervisor;
  private readonly guard: CrashGuard;
  private readonly session: WatchSession;

  /** @throws HcrError `no-such-process`, `attach-denied`, `already-traced` */
  constructor(
    pid: number,
    options: Pick<WatchOptions, 'patch' | 'functions'>,
    crashes: CrashHandling,
    onWatch: WatchListener,
    onCrash: (event: CrashEvent) => void,
  ) {
    const turns = new Turns();
    this.supervisor = Supervisor.attach(toPid(pid), {
      onStart: () => undefined,
      onTrigger: () => undefined,
      onJobStop: () => undefined,
      onExit: () => {
        this.end();
        onWatch({ kind: 'ended', pid });
      },
      onFatalSignal: (tracee, signal) => {
        this.guard.take(tracee, signal);
      },
    });
    this.guard = new CrashGuard(this.supervisor, turns, {
      ...crashes,
      // The watch sees every save.
      follow: () => undefined,
      tell: (event) => {
        onCrash(event);
        if (event.kind !== 'crash-settled' || event.choice !== 'debugger') return;
        this.end();
        onWatch({ kind: 'ended', pid });
      },
    });
    try {
      this.session = new WatchSession(
        pid,
        { ...options, tracing: this.supervisor, turns },
        (event) => {
          // The supervisor knows when it ends.
          if (event.kind !== 'ended') onWatch(event);
          if (event.kind === 'patched') this.guard.noteReload(event.report);
        },
      );
    } catch (error) {
      this.supervisor[Symbol.dispose]();
      throw error;
    }
  }

  private end(): void {
    this.guard.end();
    this[Symbol.dispose]();
  }

  /** The process runs on, untraced, when hcr ends. */
  [Symbol.dispose](): void {
    this.session[Symbol.dispose]();
    this.supervisor[Symbol.dispose]();
  }
}
