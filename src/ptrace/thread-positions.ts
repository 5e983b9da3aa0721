/**
 * Which threads are in given functions, as far as it can be told without stopping them: the
 * kernel shows pc and stack pointer of a thread that is blocked. A running thread is not reported.
 * @see proc(5) /proc/pid/task/tid/syscall
 */
import { readFileSync } from 'node:fs';
import type { AddrRange, Tid } from '../core/address.js';
import { isInside } from '../patch/safety.js';
import type { TargetProcess } from './process.js';
import { listThreads } from './procfs.js';
import { readStack } from './thread-stacks.js';

export interface LocatedThread {
  readonly tid: Tid;
  /** The first of the functions that it is in, by its pc or by what its stack holds. */
  readonly within: AddrRange;
}

export function locateThreads(
  target: TargetProcess,
  ranges: readonly AddrRange[],
): LocatedThread[] {
  if (ranges.length === 0) return [];
  const mappings = target.maps();
  return listThreads(target.pid).flatMap((tid) => {
    const position = blockedPosition(target.pid, tid);
    if (position === undefined) return [];
    const { pc, stackPointer } = position;
    const stack = readStack(target, mappings, stackPointer);
    const within = isInside({ pc, stack }, ranges);
    return within === undefined ? [] : [{ tid, within }];
  });
}

/** Undefined for a thread that runs. */
export function blockedPosition(
  pid: number,
  tid: number,
): { pc: number; stackPointer: number } | undefined {
  try {
    const words = readFileSync(`/proc/${pid}/task/${tid}/syscall`, 'latin1').trim().split(' ');
    const [stackPointer, pc] = words.slice(-2).map(Number);
    if (words.length < 3 || stackPointer === undefined || pc === undefined) return undefined;
    return { pc, stackPointer };
  } catch {
    return undefined;
  }
}
