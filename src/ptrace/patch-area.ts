/**
 * Memory that hcr maps in the target: reserved once near a module, used again by every later
 * patch, found again by any later hcr through its name in /proc/pid/maps.
 *
 * It is a private mapping of a memfd: the name shows on every kernel, and a forked child gets its
 * own copy. The parts have the page protections of their use from the start, so that no page is
 * ever writable and executable at once; hcr writes code through /proc/pid/mem.
 */
import type { Machine } from '../arch/arch.js';
import { type Addr, type AddrRange, addr, alignUp, offsetBy, rangeAt } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { PARTS, type Part } from '../core/part.js';
import type { Area } from '../patch/ledger.js';
import { ERRNO } from './libc.js';
import type { TargetProcess } from './process.js';
import { type Mapping, readProcLink } from './procfs.js';
import { RemoteCalls } from './remote-calls.js';
import type { PlannedCall } from './sandbox.js';
import { readdirSync } from 'node:fs';

/** The name of hcr's memory in /proc/pid/maps. */
export const AREA_NAME = 'hcr';
const AREA_PATH = `/memfd:${AREA_NAME}`;

/** Each of the two copies of the ledger. Only touched pages take memory. */
export const LEDGER_SLOT_BYTES = 512 * 1024;
/** Both copies, at the start of an area. */
export const LEDGER_BYTES = 2 * LEDGER_SLOT_BYTES;
const DEFAULT_PART_BYTES: Readonly<Record<Part, number>> = {
  data: 512 * 1024,
  readonly: 1024 * 1024,
  code: 2048 * 1024,
};

const PROT = { READ: 1, WRITE: 2, EXEC: 4 } as const;
const MAP = { PRIVATE: 2, FIXED_NOREPLACE: 0x100000 } as const;
const AREA_MAP_FLAGS = MAP.PRIVATE | MAP.FIXED_NOREPLACE;
const MFD_CLOEXEC = 1;
const PART_PROTECTION: Readonly<Record<Part, number>> = {
  data: PROT.READ | PROT.WRITE,
  readonly: PROT.READ,
  code: PROT.READ | PROT.EXEC,
};

/** Distance kept from the ends of a window, so that the far end of a part is in reach too. */
const SLACK_BYTES = 1 << 20;
const LOWEST_ADDRESS = 0x10000;
const ATTEMPTS = 8;

/** hcr's areas as the maps show them, whole or half made. */
export function findAreas(mappings: readonly Mapping[]): AddrRange[] {
  const areas: { start: Addr; end: Addr; inode: number }[] = [];
  for (const { path, start, end, inode } of mappings) {
    if (path !== AREA_PATH) continue;
    const last = areas.at(-1);
    if (last?.end === start && last.inode === inode) last.end = end;
    else areas.push({ start, end, inode });
  }
  return areas;
}

/** Where an area may be: within reach of code in both directions. */
export interface Window {
  readonly reach: AddrRange;
  /** Take the gap nearest below this address; the highest one when undefined. */
  readonly below: Addr | undefined;
}

/** The window around a module.
 *  @param lowAddresses true when code uses 32-bit absolute addresses, so the area must be below 2 GiB */
export function windowAround(module: AddrRange, reachBytes: number, lowAddresses: boolean): Window {
  if (lowAddresses) {
    return {
      reach: { start: addr(LOWEST_ADDRESS), end: addr(2 ** 31 - SLACK_BYTES) },
      below: undefined,
    };
  }
  return {
    reach: {
      start: addr(Math.max(LOWEST_ADDRESS, module.end - reachBytes + SLACK_BYTES)),
      end: addr(module.start + reachBytes - SLACK_BYTES),
    },
    below: module.start,
  };
}

/** Finds unmapped address space. The last megabyte below a mapping is left free: stacks grow into
 *  it. @returns undefined when there is none in the window */
export function findGap(
  mappings: readonly Mapping[],
  window: Window,
  sizeBytes: number,
  alignment: number,
): Addr | undefined {
  const gaps: AddrRange[] = [];
  let at: number = window.reach.start;
  for (const mapping of mappings) {
    if (mapping.start > at) gaps.push({ start: addr(at), end: mapping.start });
    at = Math.max(at, mapping.end);
  }
  gaps.push({ start: addr(at), end: window.reach.end });
  const starts = gaps
    .map((gap) => {
      const low = Math.max(gap.start, window.reach.start) + SLACK_BYTES;
      const high = Math.min(gap.end, window.reach.end) - SLACK_BYTES - sizeBytes;
      return high < low
        ? undefined
        : { low: alignUp(low, alignment), high: alignUp(high - alignment + 1, alignment) };
    })
    .filter((gap) => gap !== undefined);
  const below = window.below;
  if (below === undefined) {
    const last = starts.at(-1);
    return last === undefined ? undefined : addr(last.high);
  }
  const lower = starts.filter((gap) => gap.high < below).at(-1);
  const upper = starts.find((gap) => gap.low > below);
  const best = lower?.high ?? upper?.low;
  return best === undefined ? undefined : addr(best);
}

function partSizes(needs: Readonly<Record<Part, number>>, pageBytes: number): Record<Part, number> {
  const size = (part: Part): number =>
    alignUp(Math.max(DEFAULT_PART_BYTES[part], 2 * needs[part]), pageBytes);
  return { data: size('data'), readonly: size('readonly'), code: size('code') };
}

function layOut(start: Addr, sizes: Readonly<Record<Part, number>>): Area {
  const parts = {} as Record<Part, AddrRange>;
  let at = offsetBy(start, LEDGER_BYTES);
  for (const part of PARTS) {
    parts[part] = rangeAt(at, sizes[part]);
    at = parts[part].end;
  }
  return { start, sizeBytes: at - start, parts };
}

/** Where a new area would be, without making it.
 *  @throws HcrError `out-of-reach` */
export function planArea(
  target: TargetProcess,
  window: Window,
  needs: Readonly<Record<Part, number>>,
): Area {
  const sizes = partSizes(needs, target.machine.pageBytes);
  const { sizeBytes } = layOut(addr(0), sizes);
  const start = findGap(target.maps(), window, sizeBytes, target.machine.pageBytes);
  if (start === undefined) throw noGap(sizeBytes);
  return layOut(start, sizes);
}

function noGap(sizeBytes: number): HcrError {
  return new HcrError({
    code: 'out-of-reach',
    symbol: 'the patch area',
    detail: `there is no gap of ${sizeBytes} bytes in the address space near the code`,
  });
}

/**
 * Maps a new area. The only step of a patch that makes system calls in the target.
 * @param needs bytes each part must hold at least
 * @param abandoned areas that a killed hcr left half made; they are unmapped
 * @throws HcrError `out-of-reach` without a gap, `out-of-memory` when the kernel refuses,
 *   `busy`, `unsupported-target`
 */
export function reserveArea(
  target: TargetProcess,
  window: Window,
  needs: Readonly<Record<Part, number>>,
  abandoned: readonly AddrRange[],
): Area {
  const { machine, memory } = target;
  const sizes = partSizes(needs, machine.pageBytes);
  const name = Buffer.from(`${AREA_NAME}\0`, 'latin1');
  const { syscalls } = machine;
  using calls = RemoteCalls.prepare(target, name.length, plannedCalls(machine, sizes));
  for (const range of abandoned) calls.call(syscalls.munmap, range.start, range.end - range.start);
  for (const descriptor of leftDescriptors(target)) calls.call(syscalls.close, descriptor);

  memory.writeData(calls.scratch, name);
  const file = calls.call(syscalls.memfd_create, calls.scratch, MFD_CLOEXEC);
  if (file < 0) throw refusedBy('memfd_create', file);
  let mapped: Area | undefined;
  try {
    const sizeBytes = layOut(addr(0), sizes).sizeBytes;
    check('ftruncate', calls.call(syscalls.ftruncate, file, sizeBytes));
    mapped = mapSomewhere(target, calls, window, sizes, file);
    for (const part of PARTS) {
      const { start, end } = mapped.parts[part];
      if (PART_PROTECTION[part] === PROT.READ) continue;
      check('mprotect', calls.call(syscalls.mprotect, start, end - start, PART_PROTECTION[part]));
    }
    check(
      'mprotect',
      calls.call(syscalls.mprotect, mapped.start, LEDGER_BYTES, PROT.READ | PROT.WRITE),
    );
    calls.call(syscalls.close, file);
    return mapped;
  } catch (error) {
    if (error instanceof HcrError && error.code === 'target-exited') throw error;
    if (mapped !== undefined) calls.call(syscalls.munmap, mapped.start, mapped.sizeBytes);
    calls.call(syscalls.close, file);
    throw error;
  }
}

/** One of each kind that reserving makes; addresses and descriptors are not known yet. */
function plannedCalls(
  { syscalls }: Machine,
  sizes: Readonly<Record<Part, number>>,
): readonly PlannedCall[] {
  const { sizeBytes } = layOut(addr(0), sizes);
  const protections = Object.values(PART_PROTECTION).filter((bits) => bits !== PROT.READ);
  return [
    { number: syscalls.memfd_create, args: [0, MFD_CLOEXEC] },
    { number: syscalls.ftruncate, args: [0, sizeBytes] },
    { number: syscalls.mmap, args: [0, sizeBytes, PROT.READ, AREA_MAP_FLAGS, 0, 0] },
    ...protections.map((bits) => ({ number: syscalls.mprotect, args: [0, sizeBytes, bits] })),
    { number: syscalls.munmap, args: [0, sizeBytes] },
    { number: syscalls.close, args: [0] },
  ];
}

function mapSomewhere(
  target: TargetProcess,
  calls: RemoteCalls,
  window: Window,
  sizes: Readonly<Record<Part, number>>,
  file: number,
): Area {
  const { machine } = target;
  const { sizeBytes } = layOut(addr(0), sizes);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    // Other threads run on and may take the gap first: then look again.
    const start = findGap(target.maps(), window, sizeBytes, machine.pageBytes);
    if (start === undefined) break;
    const flags = AREA_MAP_FLAGS;
    const result = calls.call(machine.syscalls.mmap, start, sizeBytes, PROT.READ, flags, file, 0);
    if (result === start) return layOut(start, sizes);
    // A kernel before 4.17 takes the address as a hint.
    if (result > 0) calls.call(machine.syscalls.munmap, result, sizeBytes);
    else if (result !== -ERRNO.EEXIST) throw refusedBy('mmap', result);
  }
  throw noGap(sizeBytes);
}

/** Descriptors of an earlier memfd that a killed hcr did not come to close. */
function leftDescriptors(target: TargetProcess): number[] {
  try {
    return readdirSync(`/proc/${target.pid}/fd`)
      .filter((name) => readProcLink(target.pid, `fd/${name}`) === `${AREA_PATH} (deleted)`)
      .map(Number);
  } catch {
    return [];
  }
}

function check(call: string, result: number): void {
  if (result < 0) throw refusedBy(call, result);
}

function refusedBy(call: string, result: number): HcrError {
  return new HcrError({
    code: 'out-of-memory',
    detail: `${call} failed in it with errno ${-result}`,
  });
}
