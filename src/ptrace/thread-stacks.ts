/**
 * Where stopped threads are, and their stacks.
 *
 * The stacks of all threads that stopped together are read at once: a system call for each would
 * take most of the time of a stop. What is known of the target's memory was read before the stop;
 * a thread that was made meanwhile has a stack that was mapped meanwhile, and only then it is read
 * again.
 */
import { type AddrRange, addr, contains, rangeAt } from '../core/address.js';
import type { StoppedPosition } from '../patch/busy-frames.js';
import type { NativeBuffer } from './libc.js';
import type { TargetProcess } from './process.js';
import { type Mapping, mappingAt } from './procfs.js';
import type { StoppedThread } from './stopped-world.js';

/** More of a stack than this is not looked at: it is no stack but a mapping that one is in. */
const MAX_STACK_BYTES = 64 << 20;
const WORD_BYTES = 8;
/** As much as stacks of most programs have in use, in all. */
const ROOM_BYTES = 1 << 18;

export class StackReader {
  private readonly target: TargetProcess;
  private mappings: readonly Mapping[];
  private initialStack: Mapping | undefined;
  /** Read into from `used` on; what was handed out before stays as it is. */
  private room: NativeBuffer;
  private used = 0;

  /** To be made before the stop: it reads the map of the target's memory. */
  constructor(target: TargetProcess) {
    this.target = target;
    this.mappings = target.maps();
    this.initialStack = findInitialStack(this.mappings);
    this.room = target.libc.allocate(ROOM_BYTES);
  }

  /** Each thread's pc, and its stack from below the red zone to the end. */
  locate(threads: readonly StoppedThread[]): StoppedPosition[] {
    const { registers } = this.target.machine;
    const found = threads.map((thread) => this.stacksOf(thread));
    const stacks = this.readAll(found.map(({ ranges }) => ranges));
    return threads.map(({ tracee, registers: values }, i) => ({
      tid: tracee.tid,
      pc: registers.pc(values),
      stack: stacks[i] ?? new Uint8Array(),
      registers: values,
      ranges: found[i]?.ranges ?? [],
      isAtHome: found[i]?.isAtHome ?? false,
    }));
  }

  /** The stack that a thread is on, and the one it was made with when that is another: it runs on
   *  another while it handles a signal there, or in a coroutine; then the frames on its own are
   *  still to be returned to. */
  private stacksOf({ tracee, registers: values }: StoppedThread): {
    readonly ranges: readonly AddrRange[];
    readonly isAtHome: boolean;
  } {
    const { registers } = this.target.machine;
    const stackPointer = registers.stackPointer(values);
    if (mappingAt(this.mappings, stackPointer) === undefined) {
      this.mappings = this.target.maps();
      this.initialStack = findInitialStack(this.mappings);
    }
    const stack = stackFrom(this.mappings, stackPointer, registers.redZoneBytes);
    const own = this.ownStack(tracee.tid, registers.threadPointer(values));
    const stacks = stack === undefined ? [] : [stack];
    const isAtHome = own !== undefined && contains(own, stackPointer);
    if (own !== undefined && !isAtHome) {
      stacks.push(rangeAt(own.start, sizeOfStack(own)));
    }
    return { ranges: stacks, isAtHome };
  }

  private ownStack(tid: number, threadPointer: number): Mapping | undefined {
    if (tid === Number(this.target.pid)) return this.initialStack;
    const mapping = mappingAt(this.mappings, threadPointer);
    return mapping?.inode === 0 ? mapping : undefined;
  }

  /** The bytes of each thread's ranges, one behind the other. */
  private readAll(threads: readonly (readonly AddrRange[])[]): Uint8Array[] {
    const sizes = threads.map((ranges) => ranges.reduce((sum, range) => sum + sizeOf(range), 0));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (this.used + total > this.room.bytes.length) {
      this.room = this.target.libc.allocate(total);
      this.used = 0;
    }
    const start = this.used;
    if (!this.target.memory.readMany(threads.flat(), this.room, start)) {
      return threads.map((ranges) => this.readOne(ranges));
    }
    this.used += total;
    let at = start;
    return sizes.map((size) => this.room.bytes.subarray(at, (at += size)));
  }

  /** As far as memory is there: part of what was mapped before the stop may be gone. */
  private readOne(ranges: readonly AddrRange[]): Uint8Array {
    const { memory } = this.target;
    const parts = ranges.map((range) => {
      const bytes = new Uint8Array(sizeOf(range));
      return bytes.subarray(0, memory.readInto(range.start, bytes));
    });
    return Buffer.concat(parts);
  }
}

/** The stack from below the red zone to the end of its mapping. */
export function readStack(
  { machine, memory }: TargetProcess,
  mappings: readonly Mapping[],
  stackPointer: number,
): Uint8Array {
  const range = stackFrom(mappings, stackPointer, machine.registers.redZoneBytes);
  const stack = new Uint8Array(range === undefined ? 0 : sizeOf(range));
  return range === undefined ? stack : stack.subarray(0, memory.readInto(range.start, stack));
}

function stackFrom(
  mappings: readonly Mapping[],
  stackPointer: number,
  redZoneBytes: number,
): AddrRange | undefined {
  const mapping = mappingAt(mappings, stackPointer);
  if (mapping === undefined) return undefined;
  const lowest = Math.floor((stackPointer - redZoneBytes) / WORD_BYTES) * WORD_BYTES;
  const start = addr(Math.max(mapping.start, lowest));
  return rangeAt(start, sizeOfStack({ start, end: mapping.end }));
}

function findInitialStack(mappings: readonly Mapping[]): Mapping | undefined {
  return mappings.find(({ path }) => path === '[stack]');
}

function sizeOf({ start, end }: AddrRange): number {
  return end - start;
}

function sizeOfStack(range: AddrRange): number {
  return Math.min(sizeOf(range), MAX_STACK_BYTES);
}
