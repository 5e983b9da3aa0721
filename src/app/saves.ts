/**
 * From events in folders to files that were saved, a batch at a time. What is written together comes
 * together: a batch waits until nothing more happens, a little longer when a formatter is at work, while
 * git writes, and while a file is empty or gone because its editor is not done with it.
 */
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FileVersions } from '../build/file-versions.js';
import { FolderWatch } from '../build/folder-watch.js';
import { GitAtWork } from '../build/git-at-work.js';

/** An editor's writing of one file is over well before. */
const QUIET_MS = 10;
/** Files that are written by the dozen come with gaps. */
const QUIET_OF_MANY_MS = 150;
const MANY = 4;
/** Somebody who writes all the time holds nobody up for longer. */
const MAX_WAIT_MS = 2000;
/** A file that stays empty or gone for this long is meant to be. */
const UNFINISHED_MS = 500;

/** By its name a source or a header. */
const OF_PROGRAM = /\.(c|cc|cp|cpp|cxx|c\+\+|h|hh|hpp|hxx|h\+\+|inc|inl|ipp|tcc|def|tpp)$/i;

export class Saves implements Disposable {
  private readonly onBatch: (files: readonly string[]) => void;
  private readonly watch: FolderWatch;
  private readonly versions = new FileVersions();
  private readonly git = new GitAtWork();
  private readonly folders = new Set<string>();
  private readonly followed = new Set<string>();
  /** Something happened to them that was not looked at yet. */
  private readonly touched = new Set<string>();
  private readonly changed = new Set<string>();
  /** Empty or gone, and since when. */
  private readonly unfinished = new Map<string, number>();
  private sinceMs: number | undefined;
  private timer: NodeJS.Timeout | undefined;
  private immediate: NodeJS.Immediate | undefined;

  /** @param onBatch files that have another content than before */
  constructor(onBatch: (files: readonly string[]) => void) {
    this.onBatch = onBatch;
    this.watch = new FolderWatch(
      (path) => {
        if (this.followed.has(path) || OF_PROGRAM.test(path)) this.touch([path]);
      },
      () => {
        this.lookAtAll();
      },
    );
  }

  get folderCount(): number {
    return this.folders.size;
  }

  get fileCount(): number {
    return this.followed.size;
  }

  /** Watches these files besides those that it watches, and sources and headers that are made in
   *  their folders. A file that was not followed before is taken for saved when it is written from
   *  now on. */
  follow(files: Iterable<string>): void {
    const added = [...files].filter((file) => !this.followed.has(file));
    if (added.length === 0) return;
    const newFolders = new Set(
      added.map((file) => dirname(file)).filter((folder) => !this.folders.has(folder)),
    );
    for (const folder of newFolders) this.folders.add(folder);
    // First, so that what is written while files are read is seen.
    this.watch.set(this.folders);
    for (const file of added) this.followed.add(file);
    const others = [...newFolders].flatMap((folder) => filesIn(folder));
    for (const file of [...added, ...others])
      if (!this.versions.isKnown(file)) this.versions.remember(file);
  }

  /** What differs at this moment, without waiting for quiet. Nobody is told of it any more. */
  take(): string[] {
    for (const file of new Set([...this.followed, ...this.touched])) {
      if (!this.versions.isStale(file) || sizeOf(file) === 0) continue;
      this.touched.delete(file);
      if (this.versions.look(file) === 'changed') this.changed.add(file);
    }
    const files = [...this.changed];
    this.changed.clear();
    return files;
  }

  private touch(files: Iterable<string>): void {
    for (const file of files) this.touched.add(file);
    this.sinceMs ??= performance.now();
    const isMany = this.touched.size + this.changed.size >= MANY;
    const left = this.sinceMs + MAX_WAIT_MS - performance.now();
    this.settleIn(Math.max(0, Math.min(left, isMany ? QUIET_OF_MANY_MS : QUIET_MS)));
  }

  private settleIn(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.git.isWriting([...this.touched, ...this.changed])) this.settleIn(QUIET_MS);
      else this.settleAfterEvents();
    }, ms);
  }

  /** hcr had other things to do, or was not let run: then timers come before the events of what was
   *  written up to now. With such events it is not quiet. */
  private settleAfterEvents(): void {
    clearImmediate(this.immediate);
    this.immediate = setImmediate(() => {
      const isLate = performance.now() > (this.sinceMs ?? 0) + MAX_WAIT_MS;
      if (this.timer === undefined || isLate) this.settle();
    });
  }

  /** It is quiet: what differs is handed on, what is not finished waited for. */
  private settle(): void {
    clearTimeout(this.timer);
    const now = performance.now();
    for (const file of this.touched) {
      if (this.isUnfinished(file, now)) continue;
      this.touched.delete(file);
      if (this.versions.look(file) === 'changed') this.changed.add(file);
    }
    if (this.touched.size > 0) {
      this.settleIn(QUIET_MS);
      return;
    }
    this.sinceMs = undefined;
    const files = [...this.changed];
    this.changed.clear();
    if (files.length > 0) this.onBatch(files);
  }

  /** Whether a file is empty or gone that was not, and has not been so for long. */
  private isUnfinished(file: string, now: number): boolean {
    if (sizeOf(file) > 0 || !this.versions.isStale(file)) {
      this.unfinished.delete(file);
      return false;
    }
    const since = this.unfinished.get(file) ?? now;
    this.unfinished.set(file, since);
    return now - since < UNFINISHED_MS;
  }

  private lookAtAll(): void {
    // Files that stayed gone are no news.
    const stale = [...this.followed].filter(
      (file) => this.versions.isStale(file) && !(this.unfinished.has(file) && sizeOf(file) === 0),
    );
    if (stale.length > 0) this.touch(stale);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    clearImmediate(this.immediate);
    this.watch[Symbol.dispose]();
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => OF_PROGRAM.test(name))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    return 0;
  }
}
