/**
 * Edit, save, live: what is saved is compiled and patched for as long as the program runs.
 *
 * What was saved together goes live together or not at all. What cannot go live waits
 * (`waiting-edits.ts`). Between reloads nothing is attached to the program.
 */
import { databasesAbove } from '../build/database-sources.js';
import { ObjectCache } from '../build/object-cache.js';
import { pid as toPid } from '../core/address.js';
import { EXIT } from '../core/exit-codes.js';
import { HcrError, isHcrError } from '../core/failure.js';
import { KnownModules } from '../ptrace/known-modules.js';
import { ProcessLife } from '../ptrace/process-life.js';
import { idInProc } from '../ptrace/procfs.js';
import { rehearsePublication } from '../ptrace/rehearse.js';
import type { Tracing } from '../ptrace/tracing.js';
import { findCommand } from './build-unit.js';
import { buildSettingOf } from './build-setting.js';
import { UnitSearch } from './changed-units.js';
import { KnownUnits } from './known-units.js';
import { type WantedUnit, locateUnits } from './locate.js';
import { ProcessImage } from './observe.js';
import { openForChange } from './open-for-change.js';
import { patchUnits } from './patch.js';
import { readAhead } from './read-ahead.js';
import type { PatchOptions, PatchReport } from './report.js';
import { Saves } from './saves.js';
import { Stopwatch } from './stopwatch.js';
import { type UnitFiles, isOfSystem } from './unit-files.js';
import { Turns } from './turns.js';
import { WaitingEdits } from './waiting-edits.js';
import type { WatchListener } from './watch-event.js';
import { WatchedForks } from './watched-forks.js';

/** How soon what found no safe moment is tried again. */
const BUSY_RETRY_MS = 2000;

export interface WatchOptions {
  readonly patch: PatchOptions;
  /** Patch these and no others; none means whatever was edited. */
  readonly functions?: readonly string[];
  /** For a program that hcr traces all the time. */
  readonly tracing?: Tracing;
  /** Shared with whoever else changes the program. */
  readonly turns?: Turns;
  /** It was started just now: wait until its libraries are there. */
  readonly isStarting?: boolean;
}

/** What one reload is to make live. */
interface Wanted {
  /** Saved since the last reload began. */
  readonly files: readonly string[];
  /** Whatever else is newer than the program. */
  readonly everything: boolean;
}

const quietly = (): void => undefined;

export class WatchSession implements Disposable {
  private readonly pid: number;
  private readonly options: WatchOptions;
  private readonly turns: Turns;
  private readonly listener: WatchListener;
  private readonly saves: Saves;
  private readonly objects: ObjectCache;
  private readonly life: ProcessLife;
  private readonly knownModules = new KnownModules();
  private readonly knownUnits = new KnownUnits();
  private readonly forks: WatchedForks;
  /** Files that say how the build compiles. */
  private databases: ReadonlySet<string> = new Set();
  private readonly saved = new Set<string>();
  private readonly waiting = new WaitingEdits();
  private wantsEverything = false;
  private wantsRetry = false;
  private hasNewModules = false;
  private work: Promise<void> | undefined;
  private retry: NodeJS.Timeout | undefined;
  private isOver = false;
  /** Nobody wants to know what comes of what still runs. */
  private readonly aborted = new AbortController();

  /**
   * Watches from now on; what was edited since the program was built goes live first.
   * @throws HcrError `no-such-process`, `attach-denied` and the like
   */
  constructor(pid: number, options: WatchOptions, listener: WatchListener) {
    this.pid = pid;
    const patch = { ...options.patch, signal: this.aborted.signal };
    this.options = { ...options, patch };
    this.turns = options.turns ?? new Turns();
    this.listener = (event) => {
      if (!this.aborted.signal.aborted) listener(event);
    };
    this.forks = new WatchedForks(pid, {
      options: patch,
      modules: this.knownModules,
      units: this.knownUnits,
      patch: (...what) => this.patch(...what),
    });
    this.objects = new ObjectCache({
      onStart: (source, command) => {
        this.listener({ kind: 'compiling', source, command });
      },
      onEnd: (source, durationMs, inputs) => {
        this.knownUnits.learn(source, inputs);
        this.saves.follow(inputs.filter((file) => !isOfSystem(file)));
        this.listener({ kind: 'compiled', source, durationMs });
      },
    });
    this.saves = new Saves((files) => {
      for (const file of files) this.saved.add(file);
      this.wake();
    });
    try {
      if (options.isStarting !== true) this.followModules();
      const events = {
        onEnd: () => {
          this.end();
        },
        onChange: () => {
          this.hasNewModules = true;
          this.reload();
        },
      };
      this.life = new ProcessLife(toPid(pid), events, options.isStarting);
    } catch (error) {
      this.saves[Symbol.dispose]();
      throw error;
    }
    if (options.isStarting !== true) this.reload();
  }

  /** Makes live whatever was edited, as `hcr reload` does. */
  reload(): void {
    this.wantsEverything = true;
    this.wake();
  }

  /** Ends the watch; resolves when the reload that runs, if any, is done. The program is left as it
   *  is. */
  async stop(): Promise<void> {
    this.close();
    await this.work;
  }

  /** Ends the watch, and the compilers that run for it. Nothing is told any more; code that is about
   *  to go live still does. */
  [Symbol.dispose](): void {
    this.close();
    this.aborted.abort();
  }

  private close(): void {
    if (this.isOver) return;
    this.isOver = true;
    // What a reload that still runs reads of them stays open until that is done.
    void (this.work ?? Promise.resolve()).finally(() => {
      this.knownModules[Symbol.dispose]();
    });
    clearTimeout(this.retry);
    this.saves[Symbol.dispose]();
    this.life[Symbol.dispose]();
  }

  private end(): void {
    if (this.isOver) return;
    this.listener({ kind: 'ended', pid: this.pid });
    this[Symbol.dispose]();
  }

  private wake(): void {
    this.work ??= this.reloadWhileWanted().finally(() => {
      this.work = undefined;
    });
  }

  /** One reload after the other: what is saved meanwhile is the next one's. */
  private async reloadWhileWanted(): Promise<void> {
    while (!this.isOver && (this.wantsEverything || this.wantsRetry || this.saved.size > 0)) {
      const everything = this.wantsEverything;
      for (const file of everything ? this.saves.take() : []) this.saved.add(file);
      const wanted = { files: [...this.saved], everything };
      this.saved.clear();
      this.wantsEverything = false;
      this.wantsRetry = false;
      clearTimeout(this.retry);
      try {
        if (this.hasNewModules) this.followModules();
        await this.turns.take(() => this.reloadOnce(wanted));
      } catch (error) {
        this.fail(error, wanted.files);
      }
    }
  }

  private followModules(): void {
    this.hasNewModules = false;
    using image = ProcessImage.of(this.pid, this.options.tracing, this.knownModules);
    const { known, sources } = new UnitSearch(image, this.options.patch, this.knownUnits);
    this.databases = databasesAbove(sources);
    this.saves.follow([...known, ...this.databases]);
    this.listener({
      kind: 'watching',
      pid: this.pid,
      program: image.program,
      files: this.saves.fileCount,
      folders: this.saves.folderCount,
    });
  }

  private async reloadOnce({ files, everything }: Wanted): Promise<void> {
    const { patch, tracing } = this.options;
    const stopwatch = new Stopwatch();
    const { image: opened, notes } = await openForChange(
      this.pid,
      patch,
      stopwatch,
      quietly,
      tracing,
      this.knownModules,
    );
    using image = opened;
    this.knownUnits.forget(files);
    const search = new UnitSearch(image, patch, this.knownUnits);
    this.saves.follow(search.known);
    const edited = files.filter((file) => !this.databases.has(file));
    const fresh = everything ? await search.newer() : await search.madeOf(edited);
    if (everything) this.leaveOut(fresh.files);
    const aside = await search.madeOf(this.waiting.files);
    // A new source, or how the build compiles it, may be what others wait for.
    const strangers =
      aside.units.length > 0
        ? files.filter((file) => search.isStranger(file) || this.databases.has(file))
        : [];
    const isNoEdit = fresh.units.length === 0 && strangers.length === 0;
    if (isNoEdit && (files.length > 0 || aside.units.length === 0)) {
      if (everything) await this.rehearse(image, search);
      return;
    }
    for (const file of strangers) this.objects.forget(file);
    if (!isNoEdit) {
      const units = (fresh.units.length > 0 ? fresh : aside).units.map(({ source }) => source);
      this.listener({ kind: 'changed', files: [...fresh.files, ...strangers], units });
    }
    try {
      for (const { source } of fresh.units) this.objects.forget(source);
      const { report, units } = await this.waiting.makeLive(fresh, aside, (those) =>
        this.patch(image, those, [...notes, ...fresh.notes], stopwatch),
      );
      const forks = await this.forks.follow(units, everything);
      this.listener({ kind: 'patched', report, waiting: this.waiting.files, forks });
    } catch (error) {
      this.fail(error, fresh.files);
    }
  }

  /** There is nothing to do: what the first edit needs is read before somebody waits for it. */
  private async rehearse(image: ProcessImage, search: UnitSearch): Promise<void> {
    const unit = search.lastWritten();
    if (unit === undefined || this.options.patch.dryRun) return;
    await image.target.machine.loadDecoder();
    await rehearsePublication();
    readAhead(image, unit);
    try {
      // What the build answers is kept for as long as its files are the same.
      await findCommand(unit, this.options.patch, buildSettingOf(image));
    } catch (error) {
      if (!isHcrError(error)) throw error;
    }
  }

  /** What was saved while everything was looked at, and found so, is not the next reload's as well. */
  private leaveOut(found: readonly string[]): void {
    const saved = this.saves.take();
    this.knownUnits.forget(saved);
    for (const file of saved) if (!found.includes(file)) this.saved.add(file);
  }

  private patch(
    image: ProcessImage,
    units: readonly UnitFiles[],
    notes: readonly string[],
    stopwatch: Stopwatch,
  ): Promise<PatchReport> {
    const { functions = [], patch } = this.options;
    const named = new Set(units.map(({ unit }) => unit));
    const isNamed = ({ unit }: WantedUnit): boolean => unit !== undefined && named.has(unit);
    const request = {
      units:
        functions.length === 0
          ? units
          : locateUnits(image, functions, patch.module).filter(isNamed),
      selection: ({ names }: WantedUnit) =>
        functions.length === 0 ? ('changed' as const) : { names },
      notes,
      compile: this.objects.compile,
    };
    return patchUnits(image, request, patch, stopwatch, quietly);
  }

  private fail(thrown: unknown, files: readonly string[]): void {
    const error =
      thrown instanceof HcrError
        ? thrown
        : new HcrError({ code: 'unexpected', detail: String(thrown) }, { cause: thrown });
    const { failure } = error;
    const isGone = failure.code === 'target-exited' || failure.code === 'no-such-process';
    if (isGone && idInProc(toPid(this.pid)) === undefined) {
      this.end();
      return;
    }
    this.waiting.add(files, error);
    if (!this.isOver && (isGone || failure.code === 'busy'))
      this.retry = setTimeout(() => {
        this.wantsRetry = true;
        this.wake();
      }, BUSY_RETRY_MS);
    // Its threads end one by one, the first of them perhaps without the others.
    if (isGone) return;
    const isFault = error.exitCode === EXIT.compileFailed || error.exitCode === EXIT.unexpected;
    this.listener({ kind: isFault ? 'failed' : 'refused', error, files });
  }
}
