/**
 * From a stopped thread's registers to its frames, the innermost first.
 *
 * Each step takes the description of the code that a frame is in, finds where that frame keeps its
 * caller's registers, and goes on with those. Code without a description is passed where its frame
 * can be guessed; a trace with a guess in it is not certain. Memory and descriptions are the
 * target's own and may hold anything: the number of frames is bounded, a stack that does not grow
 * ends the trace.
 */
import type { Unwinding } from '../arch/unwinding.js';
import { type Addr, addr } from '../core/address.js';
import { isHcrError } from '../core/failure.js';
import type { Memory } from '../core/memory.js';
import type { TraceEnd, TraceFrame } from '../core/thread-trace.js';
import { type Machinery, evaluateFrameExpression, loadWord } from './frame-expression.js';
import {
  type FrameDescription,
  type FrameRow,
  type RegisterRule,
  frameRowAt,
} from './frame-rows.js';

/** Content by DWARF's number; undefined for a register that is not known any more. */
export type FrameRegisters = readonly (bigint | undefined)[];

export interface Frame {
  readonly pc: Addr;
  /** By which its code is found: a call that does not return may be the last of a function, and the
   *  address after it another's. */
  readonly codeAddr: Addr;
  readonly stackPointer: Addr;
  readonly registers: FrameRegisters;
  readonly kind: TraceFrame['kind'];
  /** As of a {@link Trace}, for this frame and all that are called from it. */
  readonly isCertain: boolean;
}

/** A walk goes on to the end. */
type WalkEnd = Exclude<TraceEnd, 'too-deep'>;

export interface Trace {
  readonly frames: readonly Frame[];
  readonly end: TraceEnd;
  /** True when all frames are there and each was found by its description, on one stack, behind
   *  calls: nothing was guessed. */
  readonly isCertain: boolean;
}

/** What unwinding needs of a process. */
export interface UnwindContext {
  readonly unwinding: Unwinding;
  readonly memory: Memory;
  readonly littleEndian: boolean;
  /** The description that covers a live address, and the distance from its own addresses. */
  find(address: Addr): FoundDescription | undefined;
}

export interface FoundDescription {
  readonly description: FrameDescription;
  readonly bias: number;
}

const MAX_FRAMES = 512;
const MAX_GUESSED_FRAME_BYTES = 1n << 16n;
const WORD_BYTES = 8n;

/** @param start by DWARF's number
 *  @param maxFrames frames that are asked for */
export function unwind(
  context: UnwindContext,
  start: FrameRegisters,
  maxFrames = MAX_FRAMES,
): Trace {
  const frames: Frame[] = [];
  const walk = walkFrames(context, start);
  for (;;) {
    const next = walk.next();
    if (next.done === true) {
      const isCertain = next.value === 'complete' && frames.at(-1)?.isCertain === true;
      return { frames, end: next.value, isCertain };
    }
    frames.push(next.value);
    if (frames.length === maxFrames) return { frames, end: 'too-deep', isCertain: false };
  }
}

/** Frame after frame, however many there are; each is farther up the stack, so they end. */
export function* walkFrames(
  context: UnwindContext,
  start: FrameRegisters,
): Generator<Frame, WalkEnd> {
  let frame = frameAt(context, start, 'innermost', true);
  while (frame !== undefined) {
    yield frame;
    const next: Step | WalkEnd = stepFrom(context, frame);
    if (typeof next === 'string') return next;
    const isCertain: boolean = frame.isCertain && next.isCertain;
    const caller = frameAt(context, next.registers, next.kind, isCertain);
    if (caller !== undefined && leadsBack(frame, caller)) return 'damaged';
    frame = caller;
  }
  return 'unreadable';
}

interface Step {
  readonly registers: FrameRegisters;
  readonly kind: 'caller' | 'interrupted';
  readonly isCertain: boolean;
}

function frameAt(
  { unwinding }: UnwindContext,
  registers: FrameRegisters,
  kind: Frame['kind'],
  isCertain: boolean,
): Frame | undefined {
  const pc = addressOf(registers[unwinding.returnAddress]);
  const stackPointer = addressOf(registers[unwinding.stackPointer]);
  if (pc === undefined || stackPointer === undefined) return undefined;
  const codeAddr = kind === 'caller' && pc > 0 ? addr(pc - 1) : pc;
  return { pc, codeAddr, stackPointer, registers, kind, isCertain };
}

function addressOf(value: bigint | undefined): Addr | undefined {
  return value === undefined || value > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : addr(value);
}

/** The stack grows downwards, so callers are further up. A handler may be on another stack than
 *  what it interrupted. */
function leadsBack(frame: Frame, caller: Frame): boolean {
  if (caller.kind !== 'interrupted') return caller.stackPointer <= frame.stackPointer;
  return caller.stackPointer === frame.stackPointer && caller.pc === frame.pc;
}

function stepFrom(context: UnwindContext, frame: Frame): Step | WalkEnd {
  const found = context.find(frame.codeAddr);
  if (found === undefined) return stepWithoutDescription(context, frame);
  if (isBehind(found, frame.pc)) {
    // No function returns to the next one's start; but a handler does, to a trampoline.
    const interrupted = throughTrampoline(context, frame);
    if (interrupted !== undefined) return interrupted;
  }
  try {
    return stepByDescription(context, frame, found);
  } catch (error) {
    if (isHcrError(error, 'malformed-file')) return 'damaged';
    throw error;
  }
}

function isBehind({ description, bias }: FoundDescription, pc: Addr): boolean {
  return pc - bias >= description.end;
}

/** @throws HcrError `malformed-file` */
function stepByDescription(
  context: UnwindContext,
  frame: Frame,
  { description, bias }: FoundDescription,
): Step | WalkEnd {
  const { unwinding } = context;
  const row = frameRowAt(description, frame.codeAddr - bias);
  const { cie } = description.entry;
  if (row.rules.get(cie.returnRegister)?.kind === 'undefined') return 'complete';
  const machinery = { ...context, register: (number: number) => frame.registers[number] };
  const cfa = cfaOf(row, machinery);
  if (cfa === undefined) return 'unreadable';
  const registers = frame.registers.map((_, number) =>
    callersRegister(number, row, cfa, frame, machinery, unwinding),
  );
  const returnAddress = callersRegister(cie.returnRegister, row, cfa, frame, machinery, unwinding);
  registers[unwinding.returnAddress] = returnAddress;
  if (returnAddress === undefined) return 'unreadable';
  // Where a program that has no description of its start begins its stack.
  if (returnAddress === 0n) return 'no-description';
  const { isSignalFrame } = cie;
  return {
    registers,
    kind: isSignalFrame ? 'interrupted' : 'caller',
    isCertain: !isSignalFrame && isBehindCall(context, returnAddress),
  };
}

function cfaOf({ cfa }: FrameRow, machinery: Machinery): bigint | undefined {
  if (cfa.kind === 'expression') return evaluateFrameExpression(cfa.expression, machinery, []);
  const base = machinery.register(cfa.register);
  return base === undefined ? undefined : BigInt.asUintN(64, base + BigInt(cfa.offset));
}

function callersRegister(
  number: number,
  { rules }: FrameRow,
  cfa: bigint,
  { registers }: Frame,
  machinery: Machinery,
  { preserved, stackPointer }: Unwinding,
): bigint | undefined {
  const rule: RegisterRule | undefined = rules.get(number);
  const near = (offset: number): bigint => BigInt.asUintN(64, cfa + BigInt(offset));
  switch (rule?.kind) {
    case undefined:
      if (number === stackPointer) return cfa;
      return preserved.has(number) ? registers[number] : undefined;
    case 'undefined':
      return undefined;
    case 'same':
      return registers[number];
    case 'at':
      return loadWord(machinery, near(rule.offset));
    case 'value':
      return near(rule.offset);
    case 'register':
      return registers[rule.register];
    case 'expression': {
      const place = evaluateFrameExpression(rule.expression, machinery, [cfa]);
      return place === undefined ? undefined : loadWord(machinery, place);
    }
    case 'value-expression':
      return evaluateFrameExpression(rule.expression, machinery, [cfa]);
  }
}

function isBehindCall({ unwinding, memory }: UnwindContext, returnAddress: bigint): boolean {
  const { callMaxBytes } = unwinding;
  const end = addressOf(returnAddress);
  if (end === undefined || end < callMaxBytes) return false;
  const before = memory.tryRead(addr(end - callMaxBytes), callMaxBytes);
  return before !== undefined && unwinding.endsInCall(before);
}

// ---------------------------------------------------------------------------------------------
// Code without a description

function stepWithoutDescription(context: UnwindContext, frame: Frame): Step | WalkEnd {
  const registers =
    throughTrampoline(context, frame) ??
    (frame.kind === 'caller' ? undefined : throughEntry(context, frame));
  if (registers !== undefined) return registers;
  return throughFramePointer(context, frame) ?? 'no-description';
}

/** Of a C library that describes none of its frames. */
function throughTrampoline(
  context: UnwindContext,
  { pc, stackPointer, registers }: Frame,
): Step | undefined {
  const { unwinding, memory } = context;
  const isTrampoline = unwinding.signalTrampolines.some((code) => {
    const found = memory.tryRead(pc, code.length);
    return found?.every((byte, i) => byte === code[i]) === true;
  });
  if (!isTrampoline) return undefined;
  const interrupted = registers.map((_, number) => {
    const offset = unwinding.signalFrame.get(number);
    return offset === undefined ? undefined : loadWord(context, BigInt(stackPointer + offset));
  });
  return { registers: interrupted, kind: 'interrupted', isCertain: false };
}

/** As if the thread had only just come here: in a stub that jumps on, in no code at all. */
function throughEntry(
  context: UnwindContext,
  { pc, kind, stackPointer, registers }: Frame,
): Step | undefined {
  const { unwinding } = context;
  if (unwinding.returnAddressAtEntry === undefined) return undefined;
  const place = BigInt(stackPointer + unwinding.returnAddressAtEntry);
  const step = guess(context, registers, place, registers[unwinding.framePointer]);
  // Where there is nothing, nothing has been done since the call.
  const isCertain = kind === 'innermost' && context.memory.tryRead(pc, 1) === undefined;
  return step && { ...step, isCertain };
}

/** As compilers lay a frame out that has a frame pointer. Far away it is another stack's. */
function throughFramePointer(
  context: UnwindContext,
  { stackPointer, registers }: Frame,
): Step | undefined {
  const base = registers[context.unwinding.framePointer];
  if (base === undefined) return undefined;
  const frameBytes = base - BigInt(stackPointer);
  if (frameBytes < 0n || frameBytes > MAX_GUESSED_FRAME_BYTES) return undefined;
  return guess(context, registers, base + WORD_BYTES, loadWord(context, base));
}

/** @param place where the return address may be, the last word of the frame */
function guess(
  context: UnwindContext,
  registers: FrameRegisters,
  place: bigint,
  framePointer: bigint | undefined,
): Step | undefined {
  const { unwinding } = context;
  const returnAddress = loadWord(context, place);
  const code = addressOf(returnAddress);
  if (returnAddress === undefined || code === undefined || code === 0) return undefined;
  if (context.find(addr(code - 1)) === undefined || !isBehindCall(context, returnAddress))
    return undefined;
  const guessed = registers.map((value, number) => {
    if (number === unwinding.framePointer) return framePointer;
    return unwinding.preserved.has(number) ? value : undefined;
  });
  guessed[unwinding.stackPointer] = place + WORD_BYTES;
  guessed[unwinding.returnAddress] = returnAddress;
  return { registers: guessed, kind: 'caller', isCertain: false };
}
