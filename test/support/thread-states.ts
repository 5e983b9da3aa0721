/** What the kernel says of each thread of a process. @see proc(5) on /proc/pid/task/tid/status */
import { readFileSync, readdirSync } from 'node:fs';

export interface ThreadState {
  readonly tid: number;
  /** `R` running, `S` sleeping, `D` disk, `T` stopped, `t` stopped by a tracer, `Z` zombie. */
  readonly state: string;
  /** 0 when nobody traces it. */
  readonly tracerPid: number;
  /** Hexadecimal. */
  readonly blockedSignals: string;
}

export function readThreadStates(pid: number): ThreadState[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((name) => {
    let status: string;
    try {
      status = readFileSync(`/proc/${pid}/task/${name}/status`, 'utf8');
    } catch {
      return [];
    }
    const field = (key: string): string =>
      new RegExp(`^${key}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? '';
    return [
      {
        tid: Number(name),
        state: field('State'),
        tracerPid: Number(field('TracerPid')),
        blockedSignals: field('SigBlk'),
      },
    ];
  });
}
