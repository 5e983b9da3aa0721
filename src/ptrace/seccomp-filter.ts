/**
 * What a seccomp filter answers to a system call. Filters are programs of the classic Berkeley packet
 * filter, which look at the call's number and arguments; the kernel lets a privileged tracer read them.
 *
 * @see seccomp(2); Documentation/networking/filter.rst; kernel/seccomp.c `seccomp_check_filter` for the
 * instructions that are allowed
 */
import { HcrError } from '../core/failure.js';

/** One instruction of `struct sock_filter`: code, jt, jf, k. */
export const INSTRUCTION_BYTES = 8;
const MEMORY_WORDS = 16;
/** `struct seccomp_data`: number, audit architecture, instruction pointer, six arguments. */
const CALL_BYTES = 64;

export interface FilteredCall {
  readonly number: number;
  readonly auditArch: number;
  readonly instructionPointer: number;
  readonly args: readonly number[];
}

const ACTION_MASK = 0xffff0000;
const ALLOW = 0x7fff0000;
const LOG = 0x7ffc0000;
const KILL_PROCESS = 0x80000000;
const KILL_THREAD = 0;
const TRAP = 0x00030000;

/**
 * - `allowed`: the call is made
 * - `refused`: it is not made, and the program goes on (an error, or somebody else is asked)
 * - `fatal`: the program gets a SIGSYS, or is ended
 */
export type Verdict = 'allowed' | 'refused' | 'fatal';

export function verdictOf(answer: number): Verdict {
  const action = (answer & ACTION_MASK) >>> 0;
  if (action === ALLOW || action === LOG) return 'allowed';
  if (action === KILL_PROCESS || action === KILL_THREAD || action === TRAP) return 'fatal';
  return 'refused';
}

/** The strictest of what all filters answer, as the kernel takes it.
 *  @param filters programs as PTRACE_SECCOMP_GET_FILTER gives them */
export function verdictOfAll(filters: readonly Uint8Array[], call: FilteredCall): Verdict {
  const verdicts = filters.map((filter) => verdictOf(runFilter(filter, call)));
  if (verdicts.includes('fatal')) return 'fatal';
  return verdicts.includes('refused') ? 'refused' : 'allowed';
}

function encodeCall({ number, auditArch, instructionPointer, args }: FilteredCall): DataView {
  const view = new DataView(new ArrayBuffer(CALL_BYTES));
  view.setInt32(0, number, true);
  view.setUint32(4, auditArch, true);
  view.setBigUint64(8, BigInt(instructionPointer), true);
  args.forEach((value, i) =>
    view.setBigUint64(16 + 8 * i, BigInt.asUintN(64, BigInt(value)), true),
  );
  return view;
}

/** @returns the 32-bit answer of the filter
 *  @throws HcrError `unexpected` for what the kernel would not have taken as a filter */
export function runFilter(filter: Uint8Array, call: FilteredCall): number {
  const code = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  const data = encodeCall(call);
  const memory = new Uint32Array(MEMORY_WORDS);
  let a = 0;
  let x = 0;
  for (let at = 0; at + INSTRUCTION_BYTES <= filter.length; at += INSTRUCTION_BYTES) {
    const opcode = code.getUint16(at, true);
    const k = code.getUint32(at + 4, true);
    const operand = (opcode & OPERAND_X) === 0 ? k : x;
    switch (opcode & CLASS_MASK) {
      case CLASS.LD:
        a = load(opcode, k, data, memory);
        break;
      case CLASS.LDX:
        x = load(opcode, k, data, memory);
        break;
      case CLASS.ST:
        memory[k % MEMORY_WORDS] = a;
        break;
      case CLASS.STX:
        memory[k % MEMORY_WORDS] = x;
        break;
      case CLASS.ALU:
        a = compute(opcode & OPERATION_MASK, a, operand);
        break;
      case CLASS.JMP: {
        const operation = opcode & OPERATION_MASK;
        // Backward jumps do not exist, so that every program ends.
        if (operation === JUMP.ALWAYS) at += k * INSTRUCTION_BYTES;
        else at += code.getUint8(at + (holds(operation, a, operand) ? 2 : 3)) * INSTRUCTION_BYTES;
        break;
      }
      case CLASS.RET:
        return (opcode & RETURN_A) === 0 ? k : a;
      case CLASS.MISC:
        if ((opcode & MISC_TXA) === 0) x = a;
        else a = x;
        break;
    }
  }
  throw new HcrError({ code: 'unexpected', detail: 'a seccomp filter ends without an answer' });
}

const CLASS_MASK = 7;
const CLASS = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, RET: 6, MISC: 7 } as const;
const OPERATION_MASK = 0xf0;
const OPERAND_X = 8;
const RETURN_A = 0x10;
const MISC_TXA = 0x80;
const MODE_MASK = 0xe0;
const MODE = { IMMEDIATE: 0, ABSOLUTE: 0x20, MEMORY: 0x60, LENGTH: 0x80 } as const;
const JUMP = { ALWAYS: 0, EQUAL: 0x10, GREATER: 0x20, AT_LEAST: 0x30, ANY_BIT: 0x40 } as const;

function load(opcode: number, k: number, data: DataView, memory: Uint32Array): number {
  switch (opcode & MODE_MASK) {
    case MODE.ABSOLUTE:
      return data.getUint32(k, true);
    case MODE.MEMORY:
      return memory[k % MEMORY_WORDS] ?? 0;
    case MODE.LENGTH:
      return CALL_BYTES;
    default:
      return k;
  }
}

function compute(operation: number, a: number, b: number): number {
  switch (operation) {
    case 0x00:
      return (a + b) >>> 0;
    case 0x10:
      return (a - b) >>> 0;
    case 0x20:
      return Math.imul(a, b) >>> 0;
    case 0x30:
      return b === 0 ? 0 : Math.floor(a / b);
    case 0x40:
      return (a | b) >>> 0;
    case 0x50:
      return (a & b) >>> 0;
    case 0x60:
      return b > 31 ? 0 : (a << b) >>> 0;
    case 0x70:
      return b > 31 ? 0 : a >>> b;
    case 0x80:
      return -a >>> 0;
    default:
      return (a ^ b) >>> 0;
  }
}

function holds(operation: number, a: number, b: number): boolean {
  switch (operation) {
    case JUMP.EQUAL:
      return a === b;
    case JUMP.GREATER:
      return a > b;
    case JUMP.AT_LEAST:
      return a >= b;
    default:
      return (a & b) !== 0;
  }
}
