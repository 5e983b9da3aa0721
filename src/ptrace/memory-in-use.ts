/**
 * The memory of a process in which it can have left something: what it may write to, as far as it
 * ever did. `/proc/pid/pagemap` tells which pages exist; the rest is zero or as in its file.
 * @see proc(5); Documentation/admin-guide/mm/pagemap.rst
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { type AddrRange, addr } from '../core/address.js';
import type { Mapping } from './procfs.js';

const ENTRY_BYTES = 8;
/** Bits 63 (present) and 62 (swapped), in the high half of an entry. */
const EXISTS = 0xc000_0000 | 0;
const ENTRIES_AT_ONCE = 1 << 16;
/** More address space than this is not gone through page by page. */
const MAX_MAPPED_BYTES = 16 * 2 ** 30;

/** @returns undefined when that is too much to look at */
export function memoryInUse(
  pid: number,
  mappings: readonly Mapping[],
  pageBytes: number,
): AddrRange[] | undefined {
  const written = mappings.filter(holdsOwnData);
  if (written.reduce((sum, { start, end }) => sum + end - start, 0) > MAX_MAPPED_BYTES)
    return undefined;
  const pagemap = openPagemap(pid);
  if (pagemap === undefined) return written.map(({ start, end }) => ({ start, end }));
  try {
    // What is shared may have been written by a relative: a page that exists, but not here.
    return written.flatMap((mapping) =>
      mapping.isPrivate
        ? existingPages(pagemap, mapping, pageBytes)
        : [{ start: mapping.start, end: mapping.end }],
    );
  } finally {
    closeSync(pagemap);
  }
}

/** What is anonymous may have been written to before it was made read-only. The registers of a
 *  device hold nothing. */
function holdsOwnData({ readable, writable, inode, path }: Mapping): boolean {
  if (!readable || /^\/dev\/(?!shm\/|zero)/.test(path)) return false;
  return writable || (inode === 0 && !/^\[v(dso|var|syscall)/.test(path));
}

function openPagemap(pid: number): number | undefined {
  try {
    return openSync(`/proc/${pid}/pagemap`, 'r');
  } catch {
    return undefined;
  }
}

function existingPages(pagemap: number, { start, end }: AddrRange, pageBytes: number): AddrRange[] {
  const found: { start: number; end: number }[] = [];
  const entries = new Int32Array(
    (Math.min(ENTRIES_AT_ONCE, (end - start) / pageBytes) * ENTRY_BYTES) / 4,
  );
  for (let at: number = start; at < end; ) {
    const wanted = Math.min(entries.byteLength, ((end - at) / pageBytes) * ENTRY_BYTES);
    const got = readSync(pagemap, entries, 0, wanted, (at / pageBytes) * ENTRY_BYTES);
    const count = Math.floor(got / ENTRY_BYTES);
    if (count === 0) {
      found.push({ start: at, end });
      break;
    }
    for (let i = 0; i < count; i++, at += pageBytes) {
      if (((entries[2 * i + 1] ?? 0) & EXISTS) === 0) continue;
      const last = found.at(-1);
      if (last?.end === at) last.end = at + pageBytes;
      else found.push({ start: at, end: at + pageBytes });
    }
  }
  return found.map((range) => ({ start: addr(range.start), end: addr(range.end) }));
}
