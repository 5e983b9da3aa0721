/** Pointers of the program that the kernel keeps for it, out of its memory. */
import { readFileSync, readdirSync } from 'node:fs';
import type { Pid } from '../core/address.js';
import { readProcLink } from './procfs.js';

/** The files through which a process gives the kernel pointers to keep. */
export interface PointerKeepers {
  readonly epoll: readonly string[];
  /** Rings hold any number of requests, which /proc does not tell. */
  readonly hasRings: boolean;
}

export function findPointerKeepers(pid: Pid): PointerKeepers {
  let files: string[];
  try {
    files = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return { epoll: [], hasRings: true };
  }
  const links = files.map((file) => ({ file, link: readProcLink(pid, `fd/${file}`) }));
  return {
    epoll: links.filter(({ link }) => link === 'anon_inode:[eventpoll]').map(({ file }) => file),
    hasRings: links.some(({ link }) => link === 'anon_inode:[io_uring]'),
  };
}

/** What events and timers bring back to the program. @see proc(5) on fdinfo and timers */
export function readKeptPointers(pid: Pid, keepers: PointerKeepers): number[] {
  const texts = [`timers`, ...keepers.epoll.map((file) => `fdinfo/${file}`)].map((name) =>
    readText(`/proc/${pid}/${name}`),
  );
  return texts
    .flatMap((text) => [...text.matchAll(/\bdata:\s*([0-9a-f]+)|^signal: \d+\/([0-9a-f]+)/gm)])
    .map(([, data, signal]) => Number.parseInt(data ?? signal ?? '0', 16));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // The file was closed meanwhile, or the kernel was built without it.
    return '';
  }
}
