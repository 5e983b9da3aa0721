/**
 * Tells when something happens to the files of some folders. Whether a file is another one now is for
 * `FileVersions` to say: an event is only a reason to look.
 *
 * Node's own `fs.watch` on folders is enough for that, and all that libraries above it add (a watch
 * on each file, recursion, waiting for writes to end) would be undone again: editors that write by
 * rename leave a watch on the file behind, and the folders are known one by one. Events can be lost,
 * by an overflow of the kernel's queue, on a network file system, with a folder that is removed and
 * made anew: so everything is looked at now and then without one.
 * @see inotify(7), "Limitations and caveats"
 */
import { type FSWatcher, statSync, watch } from 'node:fs';
import { join } from 'node:path';

const LOOK_MS = 2000;
/** Looking takes at most this part of one processor. */
const MAX_SHARE = 0.01;

interface Watched {
  watcher: FSWatcher | undefined;
  /** Of the folder that is watched; another one may take its name. */
  inode: number | undefined;
}

export class FolderWatch implements Disposable {
  private readonly onEvent: (path: string) => void;
  private readonly onLook: () => void;
  private readonly folders = new Map<string, Watched>();
  private timer: NodeJS.Timeout | undefined;
  private isOver = false;

  /**
   * @param onEvent something happened to what has this path
   * @param onLook time to look at everything, in case that events were lost
   */
  constructor(onEvent: (path: string) => void, onLook: () => void) {
    this.onEvent = onEvent;
    this.onLook = onLook;
    this.lookIn(LOOK_MS);
  }

  /** Watches these and no others, and none once it is disposed of. Folders that are not there are
   *  watched as soon as they are. */
  set(folders: Iterable<string>): void {
    if (this.isOver) return;
    const wanted = new Set(folders);
    for (const [folder, watched] of this.folders) {
      if (wanted.has(folder)) continue;
      watched.watcher?.close();
      this.folders.delete(folder);
    }
    for (const folder of wanted) if (!this.folders.has(folder)) this.open(folder);
  }

  private open(folder: string): void {
    const watched: Watched = { watcher: undefined, inode: inodeOf(folder) };
    this.folders.set(folder, watched);
    if (watched.inode === undefined) return;
    try {
      watched.watcher = watch(folder, (_, name) => {
        if (name !== null) this.onEvent(join(folder, name));
      });
      watched.watcher.on('error', () => {
        this.close(watched);
      });
    } catch {
      // No watches left, or not ours to read: then looking now and then has to do.
      this.close(watched);
    }
  }

  private close(watched: Watched): void {
    watched.watcher?.close();
    watched.watcher = undefined;
  }

  private lookIn(ms: number): void {
    this.timer = setTimeout(() => {
      const start = performance.now();
      for (const [folder, watched] of this.folders) {
        if (watched.watcher !== undefined && inodeOf(folder) === watched.inode) continue;
        this.close(watched);
        this.open(folder);
      }
      this.onLook();
      this.lookIn(Math.max(LOOK_MS, (performance.now() - start) / MAX_SHARE));
    }, ms);
  }

  [Symbol.dispose](): void {
    this.isOver = true;
    clearTimeout(this.timer);
    for (const watched of this.folders.values()) this.close(watched);
    this.folders.clear();
  }
}

function inodeOf(folder: string): number | undefined {
  try {
    return statSync(folder, { throwIfNoEntry: false })?.ino;
  } catch {
    return undefined;
  }
}
