/**
 * How many threads a process has, without listing them: the kernel shows each as a link of the
 * folder that holds them.
 * @see proc(5) /proc/pid/task; proc_task_getattr in fs/proc/base.c of the kernel
 */
import { closeSync, openSync } from 'node:fs';
import type { Pid } from '../core/address.js';
import type { Libc } from './libc.js';

/** Those of a folder without folders in it: its name, and its own `.`. */
const EMPTY_FOLDER_LINKS = 2;

export class ThreadCount implements Disposable {
  private readonly libc: Libc;
  private folder: number | undefined;

  /** Opens the folder, so that nothing has to be opened while the target stands still. */
  constructor(libc: Libc, pid: Pid) {
    this.libc = libc;
    try {
      this.folder = openSync(`/proc/${pid}/task`, 'r');
    } catch {
      // It has exited: there are none.
    }
  }

  /** One that has ended and that nobody has taken note of counts as well. 0 after the exit. */
  read(): number {
    if (this.folder === undefined) return 0;
    return Math.max(this.libc.linkCount(this.folder) - EMPTY_FOLDER_LINKS, 0);
  }

  [Symbol.dispose](): void {
    if (this.folder !== undefined) closeSync(this.folder);
    this.folder = undefined;
  }
}
