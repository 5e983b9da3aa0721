/**
 * Keeps a program whose new code has crashed from dying before somebody has had a say.
 *
 * A fatal signal stops the thread before it arrives. If the thread is in a new body, or comes back
 * to one, all threads are stopped and stay so; the generation is rolled back; and what comes next is
 * asked for, or a policy says it. Whatever goes wrong on the way, the program gets its signal: the
 * worst that happens is what would have happened without hcr.
 *
 * A reload that is under way is finished first, while the program stands: two changes of one program
 * must not overlap.
 */
import { hex } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { generationWithout } from '../patch/crash-site.js';
import { stopForDebugger } from '../ptrace/hand-over.js';
import { type FatalSignal, readFatalSignal } from '../ptrace/fatal-signal.js';
import { libc } from '../ptrace/libc.js';
import { findAreas } from '../ptrace/patch-area.js';
import { TargetProcess } from '../ptrace/process.js';
import { readMaps } from '../ptrace/procfs.js';
import { StoppedWorld } from '../ptrace/stopped-world.js';
import type { Supervisor } from '../ptrace/supervisor.js';
import type { Tracee } from '../ptrace/tracee.js';
import type {
  CrashAnswer,
  CrashChoice,
  CrashEvent,
  CrashHandling,
  CrashReport,
} from './crash-report.js';
import { type ExaminedCrash, examineCrash, parseResult } from './examine-crash.js';
import { callAgain, returnToCaller } from './leave-function.js';
import { ProcessImage } from './observe.js';
import type { PatchReport } from './report.js';
import { rollBack } from './rollback.js';
import type { Turns } from './turns.js';

/** Threads that have no processor for long do not keep a crash from being dealt with: without that
 *  the program ends. */
const STOP_MS = 10_000;

export interface CrashGuardOptions extends CrashHandling {
  /** Makes edits of a source live from now on; undefined when that is done all the time. */
  readonly follow: (source: string | undefined) => Disposable | undefined;
  readonly tell: (event: CrashEvent) => void;
}

/** What the thread gets in the end; undefined when the program was let go. */
type Settlement = { readonly signal: number } | undefined;

const NO_SIGNAL: Settlement = { signal: 0 };

export class CrashGuard {
  private readonly supervisor: Supervisor;
  private readonly turns: Turns;
  private readonly options: CrashGuardOptions;
  private readonly over = new AbortController();
  private awaited: ((report: PatchReport) => void) | undefined;

  constructor(supervisor: Supervisor, turns: Turns, options: CrashGuardOptions) {
    this.supervisor = supervisor;
    this.turns = turns;
    this.options = options;
  }

  /** The program has ended. */
  end(): void {
    this.over.abort();
  }

  /** Something has been made live. */
  noteReload(report: PatchReport): void {
    this.awaited?.(report);
  }

  /** Decides on a thread that stands at a fatal signal. */
  take(tracee: Tracee, signal: number): void {
    const { supervisor } = this;
    supervisor.stand();
    let target: TargetProcess | undefined;
    let world: StoppedWorld | undefined;
    const finish = (settlement: Settlement): void => {
      // Calls that only the stop has interrupted are made again.
      world?.resume();
      target?.[Symbol.dispose]();
      if (settlement === undefined) return;
      supervisor.settle(tracee, settlement.signal);
      supervisor.goOn();
    };
    try {
      if (findAreas(readMaps(supervisor.pid)).length === 0) {
        finish({ signal });
        return;
      }
      target = TargetProcess.open(supervisor.pid, supervisor);
      world = new StoppedWorld(target);
      world.stop(performance.now() + STOP_MS);
    } catch (error) {
      this.fail(error);
      finish({ signal });
      return;
    }
    void this.decide(tracee, signal)
      .catch((error: unknown): Settlement => {
        this.fail(error);
        return { signal };
      })
      .then(finish);
  }

  private async decide(tracee: Tracee, signal: number): Promise<Settlement> {
    const { pid } = this.supervisor;
    const fatal = readFatalSignal(pid, tracee, signal);
    const crash = fatal.isFromElsewhere ? undefined : await this.examine(tracee, fatal);
    if (crash === undefined) return { signal };
    const report = { ...crash.report, ...(await this.takeBack(crash)) };
    this.options.tell({ kind: 'crashed', report });
    for (;;) {
      const { choice, value } = await this.choose(report);
      if (this.over.signal.aborted) return { signal };
      const refusal = report.impossible[choice];
      if (refusal === undefined) {
        const done = await this.carryOut(choice, value, crash, tracee, fatal);
        if (done !== 'again') return done;
      } else this.refuse(choice, refusal);
      // Nobody gives another answer.
      if (this.options.policy !== 'ask') return this.settled('crash', { signal });
    }
  }

  private examine(tracee: Tracee, fatal: FatalSignal): Promise<ExaminedCrash | undefined> {
    return this.turns.take(async () => {
      using image = ProcessImage.of(this.supervisor.pid, this.supervisor);
      return await examineCrash(image, tracee, fatal);
    });
  }

  /** Rolls back to the newest generation without the body. */
  private async takeBack({
    site,
    report,
  }: ExaminedCrash): Promise<
    Pick<CrashReport, 'liveGeneration' | 'rolledBack' | 'impossible' | 'notes'>
  > {
    const { pid } = this.supervisor;
    const { impossible, notes } = report;
    return await this.turns.take(async () => {
      let to: number | undefined;
      let liveGeneration: number;
      {
        using image = ProcessImage.of(pid, this.supervisor);
        liveGeneration = image.store.ledger.current;
        to = generationWithout(image.store.ledger, site);
      }
      if (to === undefined) return { liveGeneration, rolledBack: [], impossible, notes };
      const options = { to, dryRun: false, timeoutMs: 0 };
      try {
        const { functions } = await rollBack(pid, options, () => undefined, this.supervisor);
        const rolledBack = functions.map(({ name, label }) => label ?? name);
        return { liveGeneration: to, rolledBack, impossible, notes };
      } catch (error) {
        if (!(error instanceof HcrError)) throw error;
        const why = `generation ${site.generation} cannot be rolled back now: ${error.message}`;
        return {
          liveGeneration,
          rolledBack: [],
          impossible: { previous: why, ...impossible },
          notes: [...notes, why],
        };
      }
    });
  }

  private async choose(report: CrashReport): Promise<CrashAnswer> {
    const { policy, returnValue, ask } = this.options;
    if (policy !== 'ask')
      return { choice: policy, ...(returnValue === undefined ? {} : { value: returnValue }) };
    return (await ask(report, this.over.signal)) ?? { choice: 'crash' };
  }

  /** @returns `again` when another choice has to be made */
  private async carryOut(
    choice: CrashChoice,
    value: string | undefined,
    crash: ExaminedCrash,
    tracee: Tracee,
    fatal: FatalSignal,
  ): Promise<Settlement | 'again'> {
    const { pid } = this.supervisor;
    switch (choice) {
      case 'return': {
        const { result } = crash;
        if (result === undefined) return this.refuse(choice, 'its result is not known');
        const parsed = parseResult(result, value);
        if (parsed instanceof HcrError) return this.refuse(choice, parsed.message);
        returnToCaller(crash.machine, tracee, crash.caller, parsed, result.sizeBytes);
        return this.settled(choice, NO_SIGNAL, parsed === undefined ? {} : { value: value ?? '0' });
      }
      case 'previous':
        callAgain(crash.machine, tracee, crash.caller, crash.site.body.entry);
        return this.settled(choice, NO_SIGNAL);
      case 'retry':
        if (!(await this.awaitGoodEdit(crash))) return 'again';
        callAgain(crash.machine, tracee, crash.caller, crash.site.body.entry);
        return this.settled(choice, NO_SIGNAL);
      case 'debugger':
        stopForDebugger(libc(), pid, tracee, fatal.isRepeatable ? undefined : fatal.signal);
        this.supervisor.letGo();
        return this.settled(choice, undefined, { command: debuggerCommand(pid) });
      case 'crash':
        return this.settled(choice, { signal: fatal.signal });
    }
  }

  /** Waits until an edit of the function is live.
   *  @returns false when there is no more to wait for */
  private async awaitGoodEdit({ site, report }: ExaminedCrash): Promise<boolean> {
    const source = site.body.source ?? report.source;
    const entry = hex(site.body.entry);
    return await new Promise((resolve) => {
      const end = (isLive: boolean): void => {
        this.awaited = undefined;
        this.over.signal.removeEventListener('abort', giveUp);
        saves?.[Symbol.dispose]();
        resolve(isLive);
      };
      const giveUp = (): void => {
        end(false);
      };
      this.awaited = (report) => {
        if (report.functions.some((each) => each.entry === entry)) end(true);
      };
      const saves = this.options.follow(source);
      this.over.signal.addEventListener('abort', giveUp, { once: true });
      // Whoever hears of it may save at once.
      this.options.tell({ kind: 'awaiting-edit', source: source ?? site.body.name });
    });
  }

  private settled(
    choice: CrashChoice,
    settlement: Settlement,
    more: { readonly value?: string; readonly command?: string } = {},
  ): Settlement {
    this.options.tell({ kind: 'crash-settled', choice, pid: this.supervisor.pid, ...more });
    return settlement;
  }

  private refuse(choice: CrashChoice, detail: string): 'again' {
    this.options.tell({ kind: 'crash-refused', choice, detail });
    return 'again';
  }

  private fail(error: unknown): void {
    // A program that is gone needs no more help.
    if (this.over.signal.aborted) return;
    const detail = error instanceof Error ? error.message : String(error);
    this.options.tell({ kind: 'crash-unhandled', detail });
  }
}

/** gdb stops for the SIGSTOP of each thread that it has found stopped, and passes it on. */
function debuggerCommand(pid: number): string {
  return `gdb -p ${pid} -ex 'handle SIGSTOP nostop noprint nopass'`;
}
