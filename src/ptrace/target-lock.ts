/**
 * One hcr at a time changes a process. Two that read the same record would both put new code at the
 * same free place, and the second would overwrite what runs.
 *
 * The lock is on /proc/pid/mem: whoever may open it for writing may change the process anyway, so
 * nobody else can keep hcr out, and the kernel gives it back when hcr is killed.
 *
 * @see flock(2)
 */
import { closeSync, openSync } from 'node:fs';
import type { Pid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { libc } from './libc.js';
import { idInProc } from './procfs.js';

const RETRY_MS = 10;

function openMemory(pid: Pid): number {
  return openSync(`/proc/${idInProc(pid) ?? pid}/mem`, 'r+');
}

export class TargetLock implements Disposable {
  private file: number | undefined;

  private constructor(file: number) {
    this.file = file;
  }

  /**
   * @param timeoutMs how long to wait for another hcr; a moment in any case, for one that only looks
   * @returns undefined when the process is not there or may not be written to: observing it tells why
   * @throws HcrError `busy` when another hcr is still at it
   */
  static async take(pid: Pid, timeoutMs: number): Promise<TargetLock | undefined> {
    let file: number;
    try {
      file = openMemory(pid);
    } catch {
      return undefined;
    }
    const start = performance.now();
    for (let look = 0; libc().tryLock(file, 'exclusive') < 0; look++) {
      const waitedMs = Math.round(performance.now() - start);
      if (waitedMs >= timeoutMs && look > 0) {
        closeSync(file);
        throw new HcrError({
          code: 'busy',
          detail: 'another hcr is changing it',
          threads: [],
          waitedMs,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    return new TargetLock(file);
  }

  /** Whether another hcr is changing the process at this moment. */
  static isTaken(pid: Pid): boolean {
    try {
      const file = openMemory(pid);
      try {
        // Others may look at the same time.
        return libc().tryLock(file, 'shared') < 0;
      } finally {
        closeSync(file);
      }
    } catch {
      return false;
    }
  }

  [Symbol.dispose](): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }
}
