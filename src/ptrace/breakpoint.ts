/** A breakpoint that the kernel keeps for hcr, and takes away with it. See return-watch. */
import type { Addr, Tid } from '../core/address.js';
import { type NativeBuffer } from './libc.js';
import type { TargetProcess } from './process.js';

/** @see linux/perf_event.h, linux/hw_breakpoint.h */
const PERF_TYPE_BREAKPOINT = 5;
const HW_BREAKPOINT_X = 4;
const PERF_FLAG_FD_CLOEXEC = 8;
const ATTRIBUTE_BYTES = 112;
const OFFSETS = {
  type: 0,
  size: 4,
  period: 16,
  flags: 40,
  wakeups: 48,
  kind: 52,
  address: 56,
  length: 64,
} as const;
/** exclude_kernel and exclude_hv of the bit field. */
const USER_ONLY = (1n << 5n) | (1n << 6n);
const WORD_BYTES = 8n;

/** @see fcntl(2), asm-generic/fcntl.h */
const F_SETFL = 4;
const F_SETSIG = 10;
const F_SETOWN_EX = 15;
const F_OWNER_TID = 0;
const O_ASYNC = 0o20000;
const O_NONBLOCK = 0o4000;

/**
 * Has the kernel send a thread a signal each time it comes to an address.
 * @returns what takes the breakpoint away; undefined where there can be none
 */
export function openBreakpoint(
  { libc, machine }: TargetProcess,
  tid: Tid,
  address: Addr,
  signal: number,
): (() => void) | undefined {
  const attributes: NativeBuffer = libc.allocate(ATTRIBUTE_BYTES);
  const { view } = attributes;
  view.setUint32(OFFSETS.type, PERF_TYPE_BREAKPOINT, true);
  view.setUint32(OFFSETS.size, ATTRIBUTE_BYTES, true);
  view.setBigUint64(OFFSETS.period, 1n, true);
  view.setBigUint64(OFFSETS.flags, USER_ONLY, true);
  view.setUint32(OFFSETS.wakeups, 1, true);
  view.setUint32(OFFSETS.kind, HW_BREAKPOINT_X, true);
  view.setBigUint64(OFFSETS.address, BigInt(address), true);
  view.setBigUint64(OFFSETS.length, WORD_BYTES, true);
  const call = machine.syscalls.perf_event_open;
  const file = libc.syscall(call, attributes.address, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
  if (file < 0) return undefined;
  const close = (): void => {
    libc.close(file);
  };
  const owner = libc.allocate(8);
  owner.view.setInt32(0, F_OWNER_TID, true);
  owner.view.setInt32(4, tid, true);
  const isSet =
    libc.fcntl(file, F_SETOWN_EX, owner.address) >= 0 &&
    libc.fcntl(file, F_SETSIG, signal) >= 0 &&
    libc.fcntl(file, F_SETFL, O_ASYNC | O_NONBLOCK) >= 0;
  if (isSet) return close;
  close();
  return undefined;
}
