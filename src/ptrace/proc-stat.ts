/** The line of /proc/pid/stat, as far as hcr needs it. @see proc_pid_stat(5) */

export interface ProcStat {
  /** The first 15 characters of what the process is called. */
  readonly name: string;
  /** As in ProcessStatus. */
  readonly state: string;
  readonly parent: number;
  /** Its process group: the job of a shell. */
  readonly group: number;
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
    startTicks: Number(fields[19]),
  };
}
