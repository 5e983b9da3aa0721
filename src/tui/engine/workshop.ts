/**
 * The work behind the interface. All of it runs in one thread, as ptrace demands, and what changes
 * the process one after the other.
 *
 * Sources are always watched. While saved files are not to go live, each is compiled and compared
 * with what runs all the same, which changes nothing: so the list shows what differs.
 */
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { attachFunctions } from '../../app/attach.js';
import type { CrashGuardOptions } from '../../app/crash-guard.js';
import type { CrashAnswer } from '../../app/crash-report.js';
import { readFunctionDetail } from '../../app/function-detail.js';
import { listFunctions } from '../../app/functions.js';
import { GuardedProcess } from '../../app/guarded-process.js';
import { readOverview } from '../../app/overview.js';
import { readProgramOutput } from '../../app/program-output.js';
import { reloadChanged } from '../../app/reload.js';
import type { PatchOptions, PatchReport, Progress } from '../../app/report.js';
import { rollBack } from '../../app/rollback.js';
import { Saves } from '../../app/saves.js';
import { readStatus } from '../../app/status.js';
import { Turns } from '../../app/turns.js';
import { WatchSession } from '../../app/watch.js';
import type { WatchEvent } from '../../app/watch-event.js';
import { HcrError } from '../../core/failure.js';
import type { FunctionRow, PatchWay } from '../model/function-row.js';
import { functionRows, placeOf } from './function-rows.js';
import type { Calls, EngineData, EngineEvent, Inspection } from './protocol.js';
import { SourceTexts } from './source-texts.js';

/** How long "wait until it is idle" waits. */
const IDLE_TIMEOUT_MS = 60_000;

type Answers = { readonly [C in keyof Calls]: (...args: Parameters<Calls[C]>) => Promise<unknown> };

export class Workshop {
  private readonly pid: number;
  private readonly options: PatchOptions;
  private readonly tell: (event: EngineEvent) => void;
  private readonly turns = new Turns();
  private session: WatchSession | undefined;
  private guarded: GuardedProcess | undefined;
  private restsGuarded = false;
  /** A thread stands at a crash, and the user is asked what is to become of it. */
  private crash: { readonly answer: (given: CrashAnswer | undefined) => void } | undefined;
  private isLive = false;
  private readonly sources = new SourceTexts();
  /** What the watch looks at now. */
  private files: readonly string[] = [];

  constructor({ pid, options }: EngineData, tell: (event: EngineEvent) => void) {
    this.pid = pid;
    this.options = options;
    this.tell = tell;
  }

  readonly calls: Answers = {
    observe: async (withOutput) => ({
      overview: readOverview(this.pid),
      status: await readStatus(this.pid),
      output: withOutput ? readProgramOutput(this.pid) : undefined,
    }),
    list: async () => {
      const { functions, notes } = await listFunctions(this.pid, undefined, this.options.module);
      const rows = functionRows(functions);
      this.rememberSources(rows);
      return { rows, notes };
    },
    inspect: async ({ file, line, listing: { entry, sizeBytes } }): Promise<Inspection> => ({
      ...(await readFunctionDetail(
        this.pid,
        entry === undefined ? undefined : Number(entry),
        sizeBytes,
      )),
      source: file === undefined ? undefined : this.sources.view(file, line ?? 1),
    }),
    patch: (name, way) => this.turns.take(async () => this.nowLive(await this.patch(name, way))),
    rollBack: (to) =>
      this.turns.take(async () => {
        const report = await rollBack(
          this.pid,
          { ...this.options, to },
          this.onProgress,
          this.tracing,
        );
        this.sources.wentBackTo(report.generation);
        return report;
      }),
    watch: async (isLive) => {
      await this.session?.stop();
      this.isLive = isLive;
      this.watch();
    },
    compare: () => {
      if (this.session === undefined) this.watch();
      else this.session.reload();
      return Promise.resolve(undefined);
    },
    guard: async (on) => {
      await this.session?.stop();
      try {
        if (on) this.guarded ??= this.guardNow();
        else this.unguard();
      } finally {
        this.watch();
      }
    },
    answerCrash: (answer) => {
      this.crash?.answer(answer);
      return Promise.resolve(undefined);
    },
    rest: async () => {
      await this.session?.stop();
      await this.turns.take(() => Promise.resolve());
      this.restsGuarded = this.guarded !== undefined;
      // A thread that stands at a crash would be let go into it.
      if (this.crash === undefined) this.unguard();
    },
    wake: () => {
      if (this.restsGuarded) this.guarded ??= this.guardNow();
      this.watch();
      return Promise.resolve(undefined);
    },
  };

  private get tracing(): GuardedProcess['tracing'] | undefined {
    return this.guarded?.tracing;
  }

  private guardNow(): GuardedProcess {
    const options: CrashGuardOptions = {
      policy: 'ask',
      ask: (_report, over) =>
        new Promise((resolve) => {
          const answer = (given: CrashAnswer | undefined): void => {
            this.crash = undefined;
            resolve(given);
          };
          this.crash = { answer };
          over.addEventListener('abort', () => {
            answer(undefined);
          });
        }),
      follow: (source) => this.reloadOnSave(source),
      tell: (event) => {
        if (event.kind === 'crashed') this.sources.wentBackTo(event.report.liveGeneration);
        this.tell({ kind: 'crash', event });
      },
    };
    return new GuardedProcess(this.pid, this.turns, options, () => {
      this.guarded = undefined;
      this.crash = undefined;
    });
  }

  private unguard(): void {
    this.guarded?.leave();
    this.guarded = undefined;
  }

  /** A call that is to be made again with the user's next edit waits for that to be live. */
  private reloadOnSave(source: string | undefined): Disposable | undefined {
    const { file } = placeOf(source);
    if (this.isLive || file === undefined) return undefined;
    const saves = new Saves(() => void this.reloadSaved(file));
    saves.follow([file]);
    return saves;
  }

  private async reloadSaved(file: string): Promise<void> {
    try {
      const report = await this.turns.take(async () =>
        this.nowLive(await this.patch(undefined, 'checked')),
      );
      this.tell({ kind: 'reloaded', report, files: [file] });
    } catch (error) {
      if (!(error instanceof HcrError)) throw error;
      this.tell({ kind: 'refused', error: { failure: error.failure }, files: [file] });
    }
  }

  private nowLive(report: PatchReport): PatchReport {
    this.sources.wentLive(filesOf(report));
    this.guarded?.noteReload(report);
    return report;
  }

  private patch(name: string | undefined, way: PatchWay): Promise<PatchReport> {
    const { unchecked, timeoutMs } = this.options;
    const options: PatchOptions = {
      ...this.options,
      diff: true,
      unchecked: unchecked || way === 'unchecked',
      timeoutMs: way === 'when-idle' ? Math.max(timeoutMs, IDLE_TIMEOUT_MS) : timeoutMs,
    };
    return name === undefined
      ? reloadChanged(this.pid, [], options, this.onProgress, this.tracing)
      : attachFunctions(this.pid, [name], options, this.onProgress, this.tracing);
  }

  /** Before anybody edits them. */
  private rememberSources(rows: readonly FunctionRow[]): void {
    const { program } = readOverview(this.pid);
    const builtMs = statSync(program, { throwIfNoEntry: false })?.mtimeMs;
    if (builtMs === undefined) return;
    this.sources.remember(
      new Set(rows.flatMap(({ file, isMine }) => (isMine && file !== undefined ? [file] : []))),
      builtMs,
    );
  }

  private watch(): void {
    const patch = { ...this.options, diff: true, dryRun: !this.isLive };
    const { tracing, turns } = this;
    this.session = new WatchSession(
      this.pid,
      { patch, turns, ...(tracing === undefined ? {} : { tracing }) },
      this.onWatch,
    );
  }

  private readonly onProgress = (progress: Progress): void => {
    if (progress.stage === 'log') return;
    const stage = progress.stage === 'waiting' ? `waits: ${progress.reason}` : progress.stage;
    this.tell({ kind: 'progress', stage });
  };

  private readonly onWatch = (event: WatchEvent): void => {
    switch (event.kind) {
      case 'changed':
        this.files = [...event.files, ...event.units];
        this.tell({ kind: 'activity', text: 'comparing' });
        this.tell({ kind: 'changed', files: event.files, units: event.units });
        return;
      case 'patched':
        this.tell({ kind: 'activity', text: undefined });
        this.guarded?.noteReload(event.report);
        if (!event.report.dryRun) this.sources.wentLive(this.files);
        this.tell({ kind: 'reloaded', report: event.report, files: this.files });
        return;
      case 'refused':
      case 'failed':
        this.tell({ kind: 'activity', text: undefined });
        this.tell({
          kind: 'refused',
          error: { failure: event.error.failure },
          files: event.files,
        });
        return;
      case 'ended':
        this.tell({ kind: 'ended' });
        return;
      case 'compiling':
        this.tell({ kind: 'activity', text: `compiling ${basename(event.source)}` });
        return;
      case 'watching':
      case 'compiled':
        return;
    }
  };
}

/** Sources of the functions of a patch. */
function filesOf({ functions }: PatchReport): string[] {
  return functions.flatMap(({ source }) =>
    source === undefined ? [] : [placeOf(source).file ?? ''],
  );
}
