/** The line of /proc/pid/stat, as far as hcr needs it. @see proc_pid_stat(5) */

/** `PF_KTHREAD`. @see include/linux/sched.h of the kernel */
const KERNEL_THREAD = 0x0020_0000;

export interface ProcStat {
  /** The first 15 characters of what the process is called. */
  readonly name: string;
  /** As in ProcessStatus. */
  readonly state: string;
  readonly parent: number;
  /** Its process group: the job of a shell. */
  readonly group: number;
  /** It never runs a program. One whose program is being torn down has as little memory, and is not. */
  readonly isKernelThread: boolean;
  /** When it started, in clock ticks since the system did. */
  readonly startTicks: number;
}

export function parseStat(text: string): ProcStat {
  // The name in parentheses may hold blanks and parentheses itself; field 3 follows the last one.
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  return {
    name: text.slice(text.indexOf('(') + 1, end),
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    isKernelThread: (Number(fields[6]) & KERNEL_THREAD) !== 0,
    startTicks: Number(fields[19]),
  };
}
