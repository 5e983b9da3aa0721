/** The line of /proc/pid/stat, as far as hcr needs it. @see proc_pid_stat(5) */

/** @see include/linux/sched.h of the kernel, `PF_EXITING` and `PF_KTHREAD` */
const FLAG = { exiting: 0x4, kernelThread: 0x0020_0000 } as const;

export interface ProcStat {
  /** The first 15 characters of what the process is called. */
  readonly name: string;
  /** As in ProcessStatus. */
  readonly state: string;
  readonly parent: number;
  /** Its process group: the job of a shell. */
  readonly group: number;
  /** It runs no code of its program any more, and may have lost its memory and its files already,
   *  some time before its state says that it is a zombie. */
  readonly isExiting: boolean;
  readonly isKernelThread: boolean;
  /** When it started, in clock ticks since the system did. */
  readonly startTicks: number;
}

export function parseStat(text: string): ProcStat {
  // The name in parentheses may hold blanks and parentheses itself; field 3 follows the last one.
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  const flags = Number(fields[6]);
  return {
    name: text.slice(text.indexOf('(') + 1, end),
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    isExiting: (flags & FLAG.exiting) !== 0,
    isKernelThread: (flags & FLAG.kernelThread) !== 0,
    startTicks: Number(fields[19]),
  };
}

/** True of a thread that exits or has exited, also while it still has a number; of a process, when
 *  its first thread does. */
export function hasEnded({ state, isExiting }: ProcStat): boolean {
  return isExiting || state === 'Z' || state === 'X';
}
