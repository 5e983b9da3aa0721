/** Which processes there are, by name and by descent.
 *  @see proc_pid_stat(5), proc_pid_comm(5), proc_tid_children(5) */
import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { pid as toPid } from '../core/address.js';
import { idInProc } from './procfs.js';

interface Listed {
  readonly pid: number;
  readonly parent: number;
  /** The first 15 characters of what it is called. */
  readonly name: string;
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
    const children = listedChildren(pid);
    all ??= children === undefined ? listProcesses() : undefined;
    const found =
      children ?? (all ?? []).filter(({ parent }) => parent === pid).map((each) => each.pid);
    for (const child of found) if (!tree.includes(child)) tree.push(child);
  }
  return tree;
}

/** As the kernel lists them; undefined where it was built without that list. */
function listedChildren(pid: number): number[] | undefined {
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

/** Those of its descendants that run the same executable: what it forked. */
export function forksOf(pid: number): number[] {
  const program = executableIdentity(pid);
  return processTree(pid).filter(
    (each) => each !== pid && program !== undefined && executableIdentity(each) === program,
  );
}

function listProcesses(): Listed[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      // The name in parentheses may hold anything.
      const end = stat.lastIndexOf(')');
      const [state, parent] = stat.slice(end + 2).split(' ');
      if ((state === 'Z' || state === 'X') && idInProc(toPid(Number(entry))) === undefined)
        return [];
      const name = stat.slice(stat.indexOf('(') + 1, end);
      return [{ pid: Number(entry), parent: Number(parent), name }];
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
