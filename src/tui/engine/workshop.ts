/**
 * The work behind the interface. All of it runs in one thread, as ptrace demands, and what changes
 * the process one after the other.
 *
 * Sources are always watched. While saved files are not to go live, each is compiled and compared
 * with what runs all the same, which changes nothing: so the list shows what differs.
 */
import { statSync } from 'node:fs';
import { attachFunctions } from '../../app/attach.js';
import { readFunctionDetail } from '../../app/function-detail.js';
import { listFunctions } from '../../app/functions.js';
import { readOverview } from '../../app/overview.js';
import { reloadChanged } from '../../app/reload.js';
import type { PatchOptions, PatchReport, Progress } from '../../app/report.js';
import { rollBack } from '../../app/rollback.js';
import { readStatus } from '../../app/status.js';
import { WatchSession } from '../../app/watch.js';
import type { WatchEvent } from '../../app/watch-event.js';
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
  private session: WatchSession | undefined;
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
    observe: async () => ({
      overview: readOverview(this.pid),
      status: await readStatus(this.pid),
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
    patch: (name, way) =>
      this.alone(async () => {
        const report = await this.patch(name, way);
        this.sources.wentLive(filesOf(report));
        return report;
      }),
    rollBack: (to) =>
      this.alone(async () => {
        const report = await rollBack(this.pid, { ...this.options, to }, this.onProgress);
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
  };

  private patch(name: string | undefined, way: PatchWay): Promise<PatchReport> {
    const { unchecked, timeoutMs } = this.options;
    const options: PatchOptions = {
      ...this.options,
      diff: true,
      unchecked: unchecked || way === 'unchecked',
      timeoutMs: way === 'when-idle' ? Math.max(timeoutMs, IDLE_TIMEOUT_MS) : timeoutMs,
    };
    return name === undefined
      ? reloadChanged(this.pid, [], options, this.onProgress)
      : attachFunctions(this.pid, [name], options, this.onProgress);
  }

  /** While the watch, which may patch as well, is out of the way. */
  private async alone(work: () => Promise<PatchReport>): Promise<PatchReport> {
    const wasLive = this.session !== undefined && this.isLive;
    if (wasLive) await this.session?.stop();
    try {
      return await work();
    } finally {
      if (wasLive) this.watch();
    }
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
    this.session = new WatchSession(this.pid, { patch }, this.onWatch);
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
        this.tell({ kind: 'changed', files: event.files, units: event.units });
        return;
      case 'patched':
        if (!event.report.dryRun) this.sources.wentLive(this.files);
        this.tell({ kind: 'reloaded', report: event.report, files: this.files });
        return;
      case 'refused':
      case 'failed':
        this.tell({
          kind: 'refused',
          error: { failure: event.error.failure },
          files: event.files,
        });
        return;
      case 'ended':
        this.tell({ kind: 'ended' });
        return;
      case 'watching':
      case 'compiling':
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
