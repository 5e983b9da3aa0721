/** Which processes there are, by name and by descent.
 *  @see proc_pid_stat(5), proc_pid_comm(5), proc_tid_children(5) */
import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { pid as toPid } from '../core/address.js';
import { type ProcStat, hasEnded, parseStat } from './proc-stat.js';
import { idInProc } from './procfs.js';

/** A process that had not ended when it was looked at. */
export interface Listed extends ProcStat {
  readonly pid: number;
}

/** The longest name that the kernel keeps of a process. */
const COMM_LENGTH = 15;

/** Processes called so, by their executable or by what they call themselves; not hcr's own. */
export function processesNamed(name: string): number[] {
  return listProcesses()
    .filter((each) => each.pid !== process.pid)
    .filter((each) => executableName(each.pid) === name || each.name === name.slice(0, COMM_LENGTH))
    .map(({ pid }) => pid);
}

/** A process and all that descend from it, each after its parent. */
export function processTree(root: number): number[] {
  let all: readonly Listed[] | undefined;
  const tree = [root];
  for (const pid of tree) {
    const children = readChildren(pid) ?? childrenAmong((all ??= listProcesses()), pid);
    for (const child of children) if (!tree.includes(child)) tree.push(child);
  }
  return tree;
}

/** The processes that it started and that have not been waited for. */
export const childrenOf = (pid: number): number[] =>
  readChildren(pid) ?? childrenAmong(listProcesses(), pid);

/** Of every thread, for a child belongs to the thread that made it; undefined where the kernel was
 *  built without that list (CONFIG_PROC_CHILDREN), or a thread has ended meanwhile. */
function readChildren(pid: number): number[] | undefined {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1')
        .split(' ')
        .filter((word) => word !== '')
        .map(Number),
    );
  } catch {
    return undefined;
  }
}

/** What the kernel's own list says, where there is none. */
export const childrenAmong = (all: readonly Listed[], pid: number): number[] =>
  all.filter(({ parent }) => parent === pid).map((each) => each.pid);

/** Those of its descendants that run the same executable: what it forked. */
export function forksOf(pid: number): number[] {
  const program = executableIdentity(pid);
  return processTree(pid).filter(
    (each) => each !== pid && program !== undefined && executableIdentity(each) === program,
  );
}

export function listProcesses(): Listed[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const stat = parseStat(readFileSync(`/proc/${entry}/stat`, 'latin1'));
      if (hasEnded(stat) && idInProc(toPid(Number(entry))) === undefined) return [];
      return [{ pid: Number(entry), ...stat }];
    } catch {
      return [];
    }
  });
}

function executableName(pid: number): string | undefined {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ''));
  } catch {
    return undefined;
  }
}

function executableIdentity(pid: number): string | undefined {
  try {
    const { dev, ino } = statSync(`/proc/${pid}/exe`);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
