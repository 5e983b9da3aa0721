/**
 * Which words on a stack are return addresses, where that can be told for certain.
 *
 * Every word that points into code counts as a return address, which takes dead words for live ones:
 * what an earlier, deeper call has left between the frames of now. Where a thread could be unwound to
 * its start, by descriptions alone, the frames are known, and a word that is none of their return
 * addresses is dead. But not all: memory within a frame may be another stack, that of a coroutine
 * which comes back to it. None fits into a small frame, so only words in small frames are let go.
 */
import { type Addr, type AddrRange, type Tid, contains } from '../core/address.js';
import type { Memory } from '../core/memory.js';
import type { ThreadTrace } from '../core/thread-trace.js';
import type { Trace } from '../dwarf/unwind.js';
import { type Hazard, type ThreadPosition, returnRange } from './safety.js';

export type { Trace };

/** A copy of memory at an address. */
interface StackPart {
  readonly start: Addr;
  readonly bytes: Uint8Array;
}

export interface StoppedPosition extends ThreadPosition {
  readonly tid: Tid;
  /** As ptrace gives them. */
  readonly registers: Uint8Array;
  /** What {@link stack} is a copy of, one behind the other; the first holds the stack pointer. Some
   *  may not have been read to the end. */
  readonly ranges: readonly AddrRange[];
  /** True when it runs on the stack that it was made with. */
  readonly isAtHome: boolean;
}

/** How threads are unwound, from copies, and their frames named. */
export interface Backtracer {
  trace(position: StoppedPosition): Trace;
  /** Reads debug information: not while the target stands. */
  name(tid: number, trace: Trace): ThreadTrace;
}

/** Where a whole call with its callees cannot have room: signal stacks have 2 KiB at least, and the
 *  smallest call of a C library takes hundreds of bytes. */
const TOO_SMALL_FOR_A_STACK_BYTES = 1024;
/** The target may stand meanwhile. */
const MAX_SEARCHED_BYTES = 1 << 20;
const WORD_BYTES = 8;

/** Whether no frame of a thread is in a hazard, for certain.
 *  @param trace of the same position */
export function isProvenFree(
  position: StoppedPosition,
  hazards: readonly Hazard[],
  trace: Trace,
): boolean {
  const [live] = partsOf(position);
  if (!position.isAtHome || !trace.isCertain || live === undefined) return false;
  if (live.bytes.length > MAX_SEARCHED_BYTES) return false;
  if (hazards.some(({ range }) => contains(range, position.pc))) return false;
  const returns = hazards.map(returnRange);
  const isHazard = (address: number): boolean => returns.some((range) => contains(range, address));
  if (trace.frames.some((frame) => frame.kind === 'caller' && isHazard(frame.pc))) return false;
  const bounds = [...trace.frames.map(({ stackPointer }) => stackPointer), endOf(live)];
  return wordsOf(live).every(({ at, word }) => !isHazard(word) || isInSmallFrame(at, bounds));
}

/** Only what was read to its end: where another part begins is not known after one that was not. */
function partsOf({ stack, ranges }: Pick<StoppedPosition, 'stack' | 'ranges'>): StackPart[] {
  const wanted = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  if (wanted !== stack.length) return [];
  let at = 0;
  return ranges.map(({ start, end }) => ({
    start,
    bytes: stack.subarray(at, (at += end - start)),
  }));
}

function endOf({ start, bytes }: StackPart): number {
  return start + bytes.length;
}

/** @param bounds where each frame starts, and where the last one ends */
function isInSmallFrame(at: number, bounds: readonly number[]): boolean {
  const above = bounds.findIndex((bound) => at < bound);
  const end = bounds[above];
  if (end === undefined) return false;
  // What is below the innermost frame is its red zone.
  const start = bounds[above - 1] ?? at;
  return end - start < TOO_SMALL_FOR_A_STACK_BYTES;
}

function wordsOf({ start, bytes }: StackPart): { readonly at: number; readonly word: number }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / WORD_BYTES) }, (_, i) => ({
    at: start + i * WORD_BYTES,
    word: Number(view.getBigUint64(i * WORD_BYTES, true)),
  }));
}

/** What a stack was when its thread stood; all else, code above all, is as it is now. */
export class StackCopy implements Memory {
  private readonly parts: readonly StackPart[];
  private readonly rest: Memory;

  constructor(position: Pick<StoppedPosition, 'stack' | 'ranges'>, rest: Memory) {
    this.parts = partsOf(position);
    this.rest = rest;
  }

  read(address: Addr, lengthBytes: number): Uint8Array {
    return this.copied(address, lengthBytes) ?? this.rest.read(address, lengthBytes);
  }

  tryRead(address: Addr, lengthBytes: number): Uint8Array | undefined {
    return this.copied(address, lengthBytes) ?? this.rest.tryRead(address, lengthBytes);
  }

  private copied(address: Addr, lengthBytes: number): Uint8Array | undefined {
    const part = this.parts.find(
      ({ start, bytes }) => address >= start && address + lengthBytes <= start + bytes.length,
    );
    return part?.bytes.slice(address - part.start, address - part.start + lengthBytes);
  }
}
