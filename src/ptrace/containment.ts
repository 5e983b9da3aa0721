/** How far a process is apart from hcr: in which of its namespaces, below which root.
 *  @see namespaces(7), pid_namespaces(7) */
import { readlinkSync, statSync } from 'node:fs';
import type { Pid } from '../core/address.js';
import { readProcessStatus } from './procfs.js';

export interface Containment {
  /** Its number in each pid namespace from hcr's own to its own; one, where they are the same. */
  readonly numbers: readonly number[];
  readonly hasOwnUserNamespace: boolean;
  /** False where a path may mean another file to it than to hcr. */
  readonly sharesFiles: boolean;
}

/** @throws HcrError `no-such-process` */
export function containmentOf(pid: Pid): Containment {
  return {
    numbers: readProcessStatus(pid).namespacePids,
    hasOwnUserNamespace: !isSame((process) => readlinkSync(`/proc/${process}/ns/user`), pid),
    sharesFiles:
      isSame((process) => readlinkSync(`/proc/${process}/ns/mnt`), pid) &&
      isSame((process) => {
        const { dev, ino } = statSync(`/proc/${process}/root/`);
        return `${dev} ${ino}`;
      }, pid),
  };
}

/** What cannot be read is taken to be the same: then nothing of it is read either. */
function isSame(read: (process: number | 'self') => string, pid: Pid): boolean {
  try {
    return read(pid) === read('self');
  } catch {
    return true;
  }
}
