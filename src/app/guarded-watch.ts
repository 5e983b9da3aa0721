/** `hcr watch --guard`: a watch that stays attached, so that a crash of new code can be dealt with. */
import type { CrashEvent, CrashHandling } from './crash-report.js';
import { GuardedProcess } from './guarded-process.js';
import { Turns } from './turns.js';
import { WatchSession, type WatchOptions } from './watch.js';
import type { WatchListener } from './watch-event.js';

export class GuardedWatch implements Disposable {
  private readonly process: GuardedProcess;
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
    // The watch sees every save.
    const handling = { ...crashes, follow: () => undefined, tell: onCrash };
    this.process = new GuardedProcess(pid, turns, handling, () => {
      this.session[Symbol.dispose]();
      onWatch({ kind: 'ended', pid });
    });
    const { tracing } = this.process;
    try {
      this.session = new WatchSession(pid, { ...options, tracing, turns }, (event) => {
        // The supervisor knows when it ends.
        if (event.kind !== 'ended') onWatch(event);
        if (event.kind === 'patched') this.process.noteReload(event.report);
      });
    } catch (error) {
      this.process[Symbol.dispose]();
      throw error;
    }
  }

  /** The process runs on, untraced, when hcr ends. */
  [Symbol.dispose](): void {
    this.session[Symbol.dispose]();
    this.process[Symbol.dispose]();
  }
}
