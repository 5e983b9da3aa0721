/** Work that is ended when it takes too long, by the time that the processor worked on it. */
import { runInNewContext } from 'node:vm';

/**
 * Runs something that may have no end. Time in which this process is not let run counts for nothing.
 * @param work may be ended anywhere and begun anew, and then does the same again
 * @throws what it throws; an error of Node once it has taken the processor for that long
 */
export function withinProcessorTime<T>(work: () => T, limitMs: number): T {
  let leftMs = limitMs;
  for (;;) {
    const before = process.cpuUsage();
    try {
      // Node's own limit is one of the clock on the wall.
      return runInNewContext('work()', { work }, { timeout: Math.ceil(leftMs) }) as T;
    } catch (error) {
      const { user, system } = process.cpuUsage(before);
      leftMs -= (user + system) / 1000;
      if (!isTimeout(error) || leftMs <= 0) throw error;
    }
  }
}

function isTimeout(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
