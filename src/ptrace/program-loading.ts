/**
 * Whether a program is still being loaded: between exec and its first instruction the dynamic linker
 * maps its libraries and puts addresses into its slots. Until that is done the slots hold what the
 * linker wrote into the file, which is an address of nothing.
 *
 * `r_debug` says so to debuggers. The dynamic linker enters its address in the program's own dynamic
 * section, and for as long as it is at work `r_state` is not RT_CONSISTENT.
 *
 * @see glibc <link.h>, elf/rtld.c dl_main; musl ldso/dynlink.c; getauxval(3)
 */
import { readFileSync } from 'node:fs';
import { type Addr, addr, offsetBy, pid as toPid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { type Memory, wordAt } from '../core/memory.js';
import { DT, ELF64, PT } from '../elf/constants.js';
import { findAreas } from './patch-area.js';
import { TargetProcess } from './process.js';
import type { Tracing } from './tracing.js';

const RETRY_MS = 5;
const AUXV = { PHDR: 3, PHNUM: 5 } as const;
const R_DEBUG = { map: 8, state: 24 } as const;
const RT_CONSISTENT = 0;
/** Where they are in a program header. @see gABI 5 "Program Header" */
const PHDR = { type: 0, address: 16, memorySizeBytes: 40 } as const;
/** Whatever a damaged file says. */
const MAX_SEGMENTS = 1000;
const MAX_DYNAMIC_ENTRIES = 10_000;
const WORD_BYTES = 8;

/**
 * Returns when the program's libraries are there and its slots are filled, which is nearly always at
 * once.
 * @param tracing when hcr traces it all the time
 * @throws HcrError `busy` when that takes longer, and those of {@link TargetProcess.open}
 */
export async function untilLoaded(
  pid: number,
  timeoutMs: number,
  tracing: Tracing | undefined,
): Promise<void> {
  const start = performance.now();
  while (isBeingLoaded(pid, tracing)) {
    const waitedMs = Math.round(performance.now() - start);
    if (waitedMs >= timeoutMs) {
      const detail = 'the program has not begun: its dynamic linker is still at work';
      throw new HcrError({ code: 'busy', detail, threads: [], waitedMs });
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function isBeingLoaded(pid: number, tracing: Tracing | undefined): boolean {
  using target = TargetProcess.open(toPid(pid), tracing);
  // Patched once, it has long been loaded. What dlopen does since is no matter here.
  return findAreas(target.maps()).length === 0 && isLinkerAtWork(target.pid, target.memory);
}

function isLinkerAtWork(pid: number, memory: Memory): boolean {
  const headers = programHeaders(pid, memory);
  const self = headers.find(({ type }) => type === PT.PHDR);
  const dynamic = headers.find(({ type }) => type === PT.DYNAMIC);
  const hasLinker = headers.some(({ type }) => type === PT.INTERP);
  if (!hasLinker || self === undefined || dynamic === undefined) return false;
  const start = self.at - self.address + dynamic.address;
  // The program can write over all of this.
  if (!isAddress(start)) return false;
  const debug = debugPointer(addr(start), dynamic.memorySizeBytes, memory);
  if (debug === 0) return true;
  // Not every program has a place for it.
  if (debug === undefined || !isAddress(debug)) return false;
  const map = wordAt(memory, offsetBy(addr(debug), R_DEBUG.map));
  const state = wordAt(memory, offsetBy(addr(debug), R_DEBUG.state));
  return map === 0 || (state !== undefined && state % 2 ** 32 !== RT_CONSISTENT);
}

const isAddress = (value: number): boolean => Number.isSafeInteger(value) && value > 0;

interface ProgramHeader {
  readonly type: number;
  /** As in the file. */
  readonly address: number;
  readonly memorySizeBytes: number;
  /** Where the table is that it is in. */
  readonly at: number;
}

function programHeaders(pid: number, memory: Memory): ProgramHeader[] {
  const words = auxiliaryVector(pid);
  const [at, count] = [words.get(AUXV.PHDR), words.get(AUXV.PHNUM)];
  if (at === undefined || count === undefined || !isAddress(at)) return [];
  const table = memory.tryRead(addr(at), Math.min(count, MAX_SEGMENTS) * ELF64.PHDR);
  if (table === undefined) return [];
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const word = (offset: number): number => Number(view.getBigUint64(offset, true));
  return Array.from({ length: table.length / ELF64.PHDR }, (_, i) => {
    const header = i * ELF64.PHDR;
    return {
      type: view.getUint32(header + PHDR.type, true),
      address: word(header + PHDR.address),
      memorySizeBytes: word(header + PHDR.memorySizeBytes),
      at,
    };
  });
}

/** What the kernel told the program at its start. @see proc_pid_auxv(5) */
function auxiliaryVector(pid: number): ReadonlyMap<number, number> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(`/proc/${pid}/auxv`);
  } catch {
    return new Map();
  }
  const entries = new Map<number, number>();
  for (let at = 0; at + 2 * WORD_BYTES <= bytes.length; at += 2 * WORD_BYTES)
    entries.set(Number(bytes.readBigUInt64LE(at)), Number(bytes.readBigUInt64LE(at + WORD_BYTES)));
  return entries;
}

/** What DT_DEBUG holds; undefined where there is none. */
function debugPointer(dynamic: Addr, sizeBytes: number, memory: Memory): number | undefined {
  const count = Math.min(sizeBytes / (2 * WORD_BYTES), MAX_DYNAMIC_ENTRIES);
  for (let i = 0; i < count; i++) {
    const entry = offsetBy(dynamic, i * 2 * WORD_BYTES);
    const tag = wordAt(memory, entry);
    if (tag === undefined || tag === DT.NULL) return undefined;
    if (tag === DT.DEBUG) return wordAt(memory, offsetBy(entry, WORD_BYTES));
  }
  return undefined;
}
