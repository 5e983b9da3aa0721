/**
 * How far down the stack of a stopped thread goes, where that is known for sure.
 *
 * A signal frame with the whole vector state takes some kilobytes. On a stack that a program carved
 * out of its heap (of a coroutine, for signals, for a small thread) it could reach below the end, into
 * data that other threads use; so only two kinds of stacks are taken:
 *
 * - that of the main thread, which the kernel made and calls `[stack]`;
 * - that of a thread whose descriptor, which threads libraries keep at the thread pointer, names the
 *   block of memory it was made in (`stackblock` and `stackblock_size` of glibc, `map_base` and
 *   `map_size` of musl). Where in the descriptor differs between versions, so that any pair of words
 *   is taken that describes a block which the thread pointer is at the end of.
 */
import { type Addr, type AddrRange, addr, contains } from '../core/address.js';
import { type Mapping, mappingAt } from './procfs.js';
import type { TargetProcess } from './process.js';

const WORD_BYTES = 8;
/** More than the descriptors of today's libraries take. */
const DESCRIPTOR_BYTES = 4096;
/** More than anybody gives a thread; a pointer taken for a length is longer. */
const MAX_BLOCK_BYTES = 2 ** 36;
/** Thread-local variables and the descriptor, between the stack and the end of its block. */
const MAX_ABOVE_BYTES = 1 << 20;

export interface StackUser {
  readonly tid: number;
  readonly stackPointer: number;
  readonly threadPointer: number;
}

/** The lowest address that the thread may use as its stack; undefined when that is not known. */
export function stackFloor(
  target: TargetProcess,
  mappings: readonly Mapping[],
  { tid, stackPointer, threadPointer }: StackUser,
): Addr | undefined {
  const mapping = mappingAt(mappings, stackPointer);
  if (mapping === undefined || !mapping.writable || !mapping.isPrivate) return undefined;
  const isMain = tid === Number(target.pid);
  if (isMain || mapping.path === '[stack]')
    return isMain && mapping.path === '[stack]' ? mapping.start : undefined;
  if (!contains(mapping, threadPointer)) return undefined;
  const start = addr(Math.max(mapping.start, threadPointer - DESCRIPTOR_BYTES));
  const end = Math.min(mapping.end, threadPointer + DESCRIPTOR_BYTES);
  const block = describedBlock(target.memory.read(start, end - start), threadPointer);
  if (block === undefined || !contains(block, stackPointer)) return undefined;
  return addr(Math.max(mapping.start, block.start));
}

function describedBlock(descriptor: Uint8Array, threadPointer: number): AddrRange | undefined {
  const words = new DataView(descriptor.buffer, descriptor.byteOffset, descriptor.byteLength);
  for (let at = 0; at + 2 * WORD_BYTES <= descriptor.length; at += WORD_BYTES) {
    const start = Number(words.getBigUint64(at, true));
    const lengthBytes = Number(words.getBigUint64(at + WORD_BYTES, true));
    const end = start + lengthBytes;
    if (start === 0 || start >= threadPointer || lengthBytes > MAX_BLOCK_BYTES) continue;
    if (end > threadPointer && end <= threadPointer + MAX_ABOVE_BYTES)
      return { start: addr(start), end: addr(end) };
  }
  return undefined;
}
