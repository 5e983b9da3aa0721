/**
 * Evaluates the expressions of frame descriptions: a small stack machine over registers and memory.
 * They are in entries of PLTs, in signal trampolines and where the stack is aligned.
 *
 * Words of the machine are 64-bit and wrap. Only the operations that say something without the
 * rest of the debug information are known; all others end in a failure, as do loops.
 * @see DWARF 5, 2.5.1 and 6.4.2
 */
import { type Addr, addr } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';
import type { Memory } from '../core/memory.js';
import { DW_OP } from './constants.js';
import { readUleb128, readWideSleb128, readWideUleb128 } from './leb128.js';

/** What an expression can see of a stopped thread. */
export interface Machinery {
  /** Content of a register in the frame; undefined when it is not known there. */
  register(number: number): bigint | undefined;
  readonly memory: Memory;
  readonly littleEndian: boolean;
}

const MAX_STEPS = 1000;
const MAX_STACK = 64;
const WORD_BYTES = 8;

/**
 * @param initial what is on the stack at first
 * @returns undefined when a register or memory that it reads is not known
 * @throws HcrError `malformed-file` for an expression that is damaged, does not end, or has
 *   operations without a meaning here
 */
export function evaluateFrameExpression(
  expression: Uint8Array,
  machinery: Machinery,
  initial: readonly bigint[],
): bigint | undefined {
  const reader = new ByteReader(expression, machinery.littleEndian, 'frame expression');
  const stack = new Stack(reader, initial);
  for (let steps = 0; !reader.atEnd; steps++) {
    if (steps === MAX_STEPS) reader.fail('an expression without end');
    if (!step(reader, stack, machinery)) return undefined;
  }
  return stack.pop();
}

class Stack {
  private readonly values: bigint[];
  private readonly reader: ByteReader;

  constructor(reader: ByteReader, initial: readonly bigint[]) {
    this.reader = reader;
    this.values = [...initial];
  }

  push(value: bigint): void {
    if (this.values.length === MAX_STACK) this.reader.fail('too deep a stack');
    this.values.push(BigInt.asUintN(64, value));
  }

  pop(): bigint {
    return this.values.pop() ?? this.reader.fail('an empty stack');
  }

  /** @param depth 0 is the top */
  peek(depth: number): bigint {
    return this.values.at(-1 - depth) ?? this.reader.fail('an empty stack');
  }

  signed(): bigint {
    return BigInt.asIntN(64, this.pop());
  }
}

/** @returns false when something that it reads is not known */
function step(reader: ByteReader, stack: Stack, machinery: Machinery): boolean {
  const operation = reader.u8();
  if (operation >= DW_OP.lit0 && operation < DW_OP.lit0 + 32) {
    stack.push(BigInt(operation - DW_OP.lit0));
    return true;
  }
  const constant = readConstant(reader, operation);
  if (constant !== undefined) {
    stack.push(constant);
    return true;
  }
  if (operation >= DW_OP.breg0 && operation <= DW_OP.breg31) {
    return pushBased(reader, stack, machinery.register(operation - DW_OP.breg0));
  }
  switch (operation) {
    case DW_OP.bregx:
      return pushBased(reader, stack, machinery.register(readUleb128(reader)));
    case DW_OP.deref:
      return pushLoaded(stack, machinery, WORD_BYTES);
    case DW_OP.deref_size:
      return pushLoaded(stack, machinery, reader.u8());
    default:
      if (!arrange(reader, operation, stack) && !branch(reader, operation, stack)) {
        stack.push(compute(reader, operation, stack));
      }
      return true;
  }
}

function readConstant(reader: ByteReader, operation: number): bigint | undefined {
  switch (operation) {
    case DW_OP.const1u:
      return BigInt(reader.u8());
    case DW_OP.const1s:
      return BigInt(reader.i8());
    case DW_OP.const2u:
      return BigInt(reader.u16());
    case DW_OP.const2s:
      return BigInt(reader.i16());
    case DW_OP.const4u:
      return BigInt(reader.u32());
    case DW_OP.const4s:
      return BigInt(reader.i32());
    case DW_OP.const8u:
      return reader.u64();
    case DW_OP.const8s:
      return reader.i64();
    case DW_OP.constu:
      return BigInt(readWideUleb128(reader));
    case DW_OP.consts:
      return BigInt(readWideSleb128(reader));
    default:
      return undefined;
  }
}

function pushBased(reader: ByteReader, stack: Stack, base: bigint | undefined): boolean {
  const offset = BigInt(readWideSleb128(reader));
  if (base === undefined) return false;
  stack.push(base + offset);
  return true;
}

function pushLoaded(stack: Stack, machinery: Machinery, sizeBytes: number): boolean {
  const value = loadWord(machinery, stack.pop(), sizeBytes);
  if (value === undefined) return false;
  stack.push(value);
  return true;
}

/** @param sizeBytes up to 8; the rest is 0
 *  @returns undefined where nothing is mapped */
export function loadWord(
  { memory, littleEndian }: Pick<Machinery, 'memory' | 'littleEndian'>,
  address: bigint,
  sizeBytes = WORD_BYTES,
): bigint | undefined {
  if (address > BigInt(Number.MAX_SAFE_INTEGER) || sizeBytes > WORD_BYTES) return undefined;
  const at: Addr = addr(address);
  const bytes = memory.tryRead(at, sizeBytes);
  if (bytes === undefined) return undefined;
  const word = new Uint8Array(WORD_BYTES);
  word.set(bytes, littleEndian ? 0 : WORD_BYTES - sizeBytes);
  return new DataView(word.buffer).getBigUint64(0, littleEndian);
}

/** Operations that only move what is on the stack. */
function arrange(reader: ByteReader, operation: number, stack: Stack): boolean {
  switch (operation) {
    case DW_OP.nop:
      return true;
    case DW_OP.dup:
      stack.push(stack.peek(0));
      return true;
    case DW_OP.drop:
      stack.pop();
      return true;
    case DW_OP.over:
      stack.push(stack.peek(1));
      return true;
    case DW_OP.pick:
      stack.push(stack.peek(reader.u8()));
      return true;
    case DW_OP.swap:
      pushAll(stack, [stack.pop(), stack.pop()]);
      return true;
    case DW_OP.rot: {
      const [first, second, third] = [stack.pop(), stack.pop(), stack.pop()];
      pushAll(stack, [first, third, second]);
      return true;
    }
    default:
      return false;
  }
}

function pushAll(stack: Stack, values: readonly bigint[]): void {
  for (const value of values) stack.push(value);
}

function branch(reader: ByteReader, operation: number, stack: Stack): boolean {
  if (operation !== DW_OP.bra && operation !== DW_OP.skip) return false;
  const distance = reader.i16();
  if (operation === DW_OP.skip || stack.pop() !== 0n) reader.seek(reader.offset + distance);
  return true;
}

/** Operations that take numbers from the stack and leave one. */
function compute(reader: ByteReader, operation: number, stack: Stack): bigint {
  switch (operation) {
    case DW_OP.plus_uconst:
      return stack.pop() + BigInt(readWideUleb128(reader));
    case DW_OP.abs: {
      const value = stack.signed();
      return value < 0n ? -value : value;
    }
    case DW_OP.neg:
      return -stack.signed();
    case DW_OP.not:
      return ~stack.pop();
  }
  const right = stack.pop();
  const left = stack.pop();
  const [signedLeft, signedRight] = [BigInt.asIntN(64, left), BigInt.asIntN(64, right)];
  switch (operation) {
    case DW_OP.plus:
      return left + right;
    case DW_OP.minus:
      return left - right;
    case DW_OP.mul:
      return left * right;
    case DW_OP.div:
      return right === 0n ? reader.fail('a division by 0') : signedLeft / signedRight;
    case DW_OP.mod:
      return right === 0n ? reader.fail('a division by 0') : left % right;
    case DW_OP.and:
      return left & right;
    case DW_OP.or:
      return left | right;
    case DW_OP.xor:
      return left ^ right;
    case DW_OP.shl:
      return right < 64n ? left << right : 0n;
    case DW_OP.shr:
      return right < 64n ? left >> right : 0n;
    case DW_OP.shra:
      return signedLeft >> (right < 64n ? right : 63n);
    case DW_OP.eq:
      return BigInt(signedLeft === signedRight);
    case DW_OP.ne:
      return BigInt(signedLeft !== signedRight);
    case DW_OP.lt:
      return BigInt(signedLeft < signedRight);
    case DW_OP.le:
      return BigInt(signedLeft <= signedRight);
    case DW_OP.gt:
      return BigInt(signedLeft > signedRight);
    case DW_OP.ge:
      return BigInt(signedLeft >= signedRight);
    default:
      return reader.fail(`an operation without a meaning here (0x${operation.toString(16)})`);
  }
}
