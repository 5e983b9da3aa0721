/**
 * What an instruction does to rsp.
 *
 * Compilers move it with push, pop, add, sub and lea by constants, round it down with `and` for
 * over-aligned locals, and put it back with `leave`. Everything else (`sub %rax,%rsp` for alloca,
 * `lea -40(%rbp),%rsp` in an epilogue) is unknown here.
 *
 * @see Intel SDM volume 1, 6.2
 */
import type * as Iced from 'iced-x86';
import type { StackEffect } from '../decoder.js';

type Library = typeof Iced;

const moves = (bytes: number): StackEffect => ({ kind: 'moves', bytes });
const STILL = moves(0);
const UNKNOWN: StackEffect = { kind: 'unknown' };

/** @param writesStackPointer whether the instruction writes rsp at all */
export function stackEffectOf(
  { Mnemonic, OpKind, Register }: Library,
  instruction: Iced.Instruction,
  writesStackPointer: boolean,
): StackEffect {
  if (!writesStackPointer) return STILL;
  const { mnemonic } = instruction;
  switch (mnemonic) {
    case Mnemonic.Call:
    case Mnemonic.Ret:
      return STILL;
    case Mnemonic.Leave:
      return { kind: 'unwinds' };
    case Mnemonic.Enter:
      return UNKNOWN;
    case Mnemonic.Lea: {
      const plain =
        instruction.memoryBase === Register.RSP && instruction.memoryIndex === Register.None;
      return plain ? moves(Number(BigInt.asIntN(64, instruction.memoryDisplacement))) : UNKNOWN;
    }
    default:
      break;
  }
  const first = instruction.opCount > 0 && instruction.opKind(0) === OpKind.Register;
  const intoStackPointer = first && instruction.opRegister(0) === Register.RSP;
  if (instruction.isStackInstruction) {
    const loadsIt = mnemonic === Mnemonic.Pop && intoStackPointer;
    return loadsIt ? UNKNOWN : moves(instruction.stackPointerIncrement);
  }
  const constant =
    instruction.opCount === 2 &&
    (instruction.opKind(1) === OpKind.Immediate8to64 ||
      instruction.opKind(1) === OpKind.Immediate32to64);
  if (!intoStackPointer || !constant) return UNKNOWN;
  const value = Number(BigInt.asIntN(64, instruction.immediate(1)));
  if (mnemonic === Mnemonic.Add) return moves(value);
  if (mnemonic === Mnemonic.Sub) return moves(-value);
  const powerOfTwo = value < 0 && Number.isInteger(Math.log2(-value));
  return mnemonic === Mnemonic.And && powerOfTwo ? { kind: 'aligns', to: -value } : UNKNOWN;
}
