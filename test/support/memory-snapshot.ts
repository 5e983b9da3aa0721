/**
 * The memory of a process, byte for byte, to be compared later. The process must stand still all
 * the while: whoever wants to know that hcr changed nothing stops it, takes a snapshot, lets hcr
 * work, and takes another.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { readThreadStates } from './thread-states.js';
import { until } from './until.js';

export interface MappedRange {
  /** As in /proc/pid/maps: addresses, protection, file. */
  readonly line: string;
  /** Of its bytes; empty when they cannot be read. */
  readonly hash: string;
}

const CHUNK_BYTES = 1 << 20;

/** Every mapping with a hash of what it holds.
 *  @see proc(5) on /proc/pid/maps and /proc/pid/mem */
export function snapshotMemory(pid: number): MappedRange[] {
  const file = openSync(`/proc/${pid}/mem`, 'r');
  try {
    return readFileSync(`/proc/${pid}/maps`, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => ({ line, hash: hashRange(file, line) }));
  } finally {
    closeSync(file);
  }
}

function hashRange(memory: number, line: string): string {
  const [, start = '', end = ''] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line) ?? [];
  // [vvar] holds the clock; [vsyscall] is not in reach.
  if (start === '' || /\[v(var|var_vclock|syscall)\]/.test(line)) return '';
  const hash = createHash('sha1');
  const chunk = new Uint8Array(CHUNK_BYTES);
  const last = Number(`0x${end}`);
  for (let at = Number(`0x${start}`); at < last; ) {
    let got: number;
    try {
      got = readSync(memory, chunk, 0, Math.min(CHUNK_BYTES, last - at), at);
    } catch {
      return 'unreadable';
    }
    if (got === 0) break;
    hash.update(chunk.subarray(0, got));
    at += got;
  }
  return hash.digest('hex');
}

/** Stops a process as job control does and waits until all its threads stand. */
export async function stopProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await until(`process ${pid} stands`, () =>
    readThreadStates(pid).every(({ state }) => state === 'T' || state === 't'),
  );
}

/** What `work` changed in the memory of a process that stands still: the mappings that differ. */
export async function changesDuring(
  pid: number,
  work: () => Promise<unknown>,
): Promise<{ readonly before: MappedRange[]; readonly after: MappedRange[] }> {
  await stopProcess(pid);
  try {
    const before = snapshotMemory(pid);
    await work();
    const after = snapshotMemory(pid);
    const same = (a: MappedRange, b: MappedRange): boolean =>
      a.line === b.line && a.hash === b.hash;
    return {
      before: before.filter((range) => !after.some((other) => same(range, other))),
      after: after.filter((range) => !before.some((other) => same(range, other))),
    };
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

export const NOTHING = { before: [], after: [] };
