/** The state of a process at a glance, from /proc alone: the target is neither stopped nor slowed. */
import { pid as toPid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { childrenOf } from '../ptrace/process-list.js';
import { idInProc, readMaps, readProcLink, readProcessStatus } from '../ptrace/procfs.js';

/** What a memfd is called in /proc/pid/maps: hcr's own areas are some. @see memfd_create(2) */
const MEMORY_FILE = '/memfd:';

export type RunState = 'running' | 'sleeping' | 'stopped' | 'traced';

export interface ProcessOverview {
  readonly pid: number;
  /** Path of the executable, as the process sees it. */
  readonly program: string;
  readonly state: RunState;
  readonly threads: number;
  /** Files with code in them. */
  readonly modules: number;
  /** Process ids of its children. */
  readonly children: readonly number[];
}

/** @throws HcrError `no-such-process`, `attach-denied` */
export function readOverview(processId: number): ProcessOverview {
  const pid = idInProc(toPid(processId));
  if (pid === undefined) throw new HcrError({ code: 'no-such-process', pid: processId });
  const { state, threads } = readProcessStatus(pid);
  const files = readMaps(pid).filter(
    ({ executable, inode, path }) => executable && inode !== 0 && !path.startsWith(MEMORY_FILE),
  );
  return {
    pid: processId,
    program: readProcLink(pid, 'exe') ?? '',
    state: runState(state),
    threads,
    modules: new Set(files.map(({ path }) => path)).size,
    children: childrenOf(pid),
  };
}

/** @see proc(5), State in /proc/pid/status */
function runState(letter: string): RunState {
  if (letter === 'R') return 'running';
  if (letter === 'T') return 'stopped';
  return letter === 't' ? 'traced' : 'sleeping';
}
