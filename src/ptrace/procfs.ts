/** What /proc says about a process. @see proc(5) */
import { closeSync, openSync, readFileSync, readSync, readdirSync, readlinkSync } from 'node:fs';
import { type AddrRange, type Pid, type Tid, addr, pid as toPid, tid } from '../core/address.js';
import { capabilitiesIn } from '../core/capabilities.js';
import { HcrError } from '../core/failure.js';
import { hasEnded, parseStat } from './proc-stat.js';

export interface Mapping extends AddrRange {
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
  readonly isPrivate: boolean;
  readonly fileOffset: number;
  /** `major:minor` of the device, with the inode the identity of a mapped file. */
  readonly device: string;
  readonly inode: number;
  /** Path as the target sees it, without ` (deleted)`; `[heap]`, `[stack]`; empty when anonymous. */
  readonly path: string;
  readonly deleted: boolean;
}

const MAPS_LINE =
  /^([0-9a-f]+)-([0-9a-f]+) (.)(.)(.)(.) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+) *(.*)$/;
const DELETED = ' (deleted)';

function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

function procError(pid: number, error: unknown): HcrError {
  if (isErrno(error, 'ENOENT', 'ESRCH'))
    return new HcrError({ code: 'no-such-process', pid }, { cause: error });
  if (isErrno(error, 'EACCES', 'EPERM')) {
    return new HcrError(
      {
        code: 'attach-denied',
        pid,
        reason: 'its /proc entries may not be read',
        advice: 'Run hcr as the user who owns the process, or as root.',
      },
      { cause: error },
    );
  }
  return new HcrError(
    { code: 'unexpected', detail: `reading /proc/${pid}: ${String(error)}` },
    { cause: error },
  );
}

/** @throws HcrError `no-such-process` or `attach-denied` */
export function readProcFile(pid: Pid, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch (error) {
    throw procError(pid, error);
  }
}

/** Every mapping but `[vsyscall]`, whose address does not fit a double and which nobody patches. */
export function parseMaps(text: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of text.split('\n')) {
    const match = MAPS_LINE.exec(line);
    if (match === null) continue;
    const [, start = '', end = '', r, w, x, p, offset = '', device = '', inode = '', rawPath = ''] =
      match;
    if (rawPath === '[vsyscall]') continue;
    const path = rawPath.replaceAll('\\012', '\n');
    const deleted = path.endsWith(DELETED);
    mappings.push({
      start: addr(Number.parseInt(start, 16)),
      end: addr(Number.parseInt(end, 16)),
      readable: r === 'r',
      writable: w === 'w',
      executable: x === 'x',
      isPrivate: p === 'p',
      fileOffset: Number.parseInt(offset, 16),
      device,
      inode: Number(inode),
      path: deleted ? path.slice(0, -DELETED.length) : path,
      deleted,
    });
  }
  return mappings;
}

/** @throws HcrError `no-such-process` or `attach-denied` */
export function readMaps(pid: Pid): Mapping[] {
  return parseMaps(Buffer.from(readProcFile(pid, 'maps'), 'latin1').toString('utf8'));
}

/** The mapping that holds the address. `mappings` are in the order of their addresses. */
export function mappingAt(mappings: readonly Mapping[], address: number): Mapping | undefined {
  let low = 0;
  let high = mappings.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const mapping = mappings[middle];
    if (mapping === undefined) return undefined;
    if (address < mapping.start) high = middle;
    else if (address >= mapping.end) low = middle + 1;
    else return mapping;
  }
  return undefined;
}

/** Threads of the process at this moment; empty once it has exited. */
export function listThreads(pid: Pid): Tid[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((name) => tid(Number(name)));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return [];
    throw procError(pid, error);
  }
}

/** As hcr's own user namespace numbers users and groups. @see credentials(7) */
export interface Credentials {
  /** Real, effective and saved. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  /** Supplementary. */
  readonly groups: readonly number[];
  readonly permittedCapabilities: bigint;
}

const CLOSING_PARENTHESIS = 0x29;
const RUNNING = 0x52;
const STATE_LINE = new Uint8Array(128);

/** Whether the thread is on a processor or waits for one. Costs less than its whole status. */
export function isRunning(pid: Pid, thread: Tid): boolean {
  try {
    const file = openSync(`/proc/${pid}/task/${thread}/stat`, 'r');
    try {
      const line = STATE_LINE.subarray(0, readSync(file, STATE_LINE));
      // `tid (name) state ...`, and the name may hold parentheses.
      return line[line.lastIndexOf(CLOSING_PARENTHESIS) + 2] === RUNNING;
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

/**
 * The id by which /proc shows a process. When its first thread has exited and others run on, that
 * thread's entries have no memory and no files any more, but those of the others have.
 * @returns undefined when all its threads have ended, or there never was one
 */
export function idInProc(pid: Pid): Pid | undefined {
  const isAlive = (thread: Tid): boolean => !hasThreadEnded(pid, thread);
  if (isAlive(tid(pid))) return pid;
  const other = listThreads(pid).find(isAlive);
  return other === undefined ? undefined : toPid(other);
}

export interface ProcessStatus {
  readonly name: string;
  /** `R`, `S`, `D`, `T` (stopped), `t` (traced), `Z`, `X`. */
  readonly state: string;
  readonly threadGroup: number;
  readonly tracerPid: number;
  readonly uid: number;
  readonly credentials: Credentials;
  readonly threads: number;
  /** 0 none, 1 strict, 2 filter. */
  readonly seccomp: number;
  /** Signals that the program has handlers for or that the thread holds back, as a bit set. */
  readonly takenSignals: bigint;
  /** User-space shadow stacks are on (x86 only). */
  readonly hasShadowStack: boolean;
  /** Signals that the process ignores, as a bit set. */
  readonly ignoredSignals: bigint;
  /** Signals that it has handlers for, as a bit set. */
  readonly caughtSignals: bigint;
  /** Its ids in the pid namespaces it is in, hcr's first. */
  readonly namespacePids: readonly number[];
}

export function parseStatus(text: string): ProcessStatus {
  const field = (name: string): string =>
    new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
  const signals = (name: string): bigint =>
    BigInt(`0x${/^[0-9a-f]+/i.exec(field(name))?.[0] ?? '0'}`);
  const numbers = (name: string): number[] => Array.from(field(name).matchAll(/\d+/g), Number);
  return {
    name: field('Name'),
    state: field('State').charAt(0),
    threadGroup: Number(field('Tgid')),
    tracerPid: Number(field('TracerPid')),
    uid: Number(field('Uid').split(/\s+/)[0]),
    credentials: {
      uids: numbers('Uid').slice(0, 3),
      gids: numbers('Gid').slice(0, 3),
      groups: numbers('Groups'),
      permittedCapabilities: capabilitiesIn(text, 'CapPrm'),
    },
    threads: Number(field('Threads')),
    seccomp: Number(field('Seccomp')),
    takenSignals: signals('SigCgt') | signals('SigBlk'),
    hasShadowStack: /\bshstk\b/.test(field('x86_Thread_features')),
    ignoredSignals: signals('SigIgn'),
    caughtSignals: signals('SigCgt'),
    namespacePids: numbers('NStgid'),
  };
}

/** By which TracerPid names hcr: the kernel takes a thread for the tracer, and the process has the id
 *  of its first one only. @see proc(5), /proc/thread-self */
export function ownTracerPid(): number {
  return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
}

/** @throws HcrError `no-such-process` or `attach-denied` */
export function readProcessStatus(pid: Pid): ProcessStatus {
  return parseStatus(readProcFile(pid, 'status'));
}

/** Undefined when the thread is gone. */
export function readThreadStatus(pid: Pid, thread: Tid): ProcessStatus | undefined {
  try {
    return parseStatus(readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** True also of one that is gone. */
export function hasThreadEnded(pid: Pid, thread: Tid): boolean {
  try {
    return hasEnded(parseStat(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')));
  } catch {
    return true;
  }
}

/** Whether a set of signals holds one. */
export function hasSignal(signals: bigint, signal: number): boolean {
  return (signals & (1n << BigInt(signal - 1))) !== 0n;
}

/** Target of a link such as `exe` or `cwd`, as the target sees it; undefined when unreadable. */
export function readProcLink(pid: Pid, name: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return undefined;
  }
}

/** Words of the program's command line. */
export function readCommandLine(pid: Pid): string[] {
  return readProcFile(pid, 'cmdline').split('\0').slice(0, -1);
}
