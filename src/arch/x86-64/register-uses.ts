/**
 * Which registers an instruction reads, changes and overwrites, from iced's tables.
 *
 * iced knows the parts: a write to eax counts as rax (the upper half is cleared, Intel SDM volume
 * 1, 3.4.1.1), a VEX-encoded write to xmm3 counts as zmm3 (all above is cleared, 14.8), an SSE one
 * as xmm3, `xor %eax,%eax` reads nothing. Added here is what it leaves to its users:
 *
 * - `syscall` and `int` take arguments in registers and return one (psABI A.2.1);
 * - XSAVE and its kin touch registers without naming them;
 * - `vzeroupper` changes the upper parts and nothing else;
 * - flags stay as they are when a shift by %cl or a `rep` has a count of 0.
 */
import type * as Iced from 'iced-x86';
import type { RegisterSet } from '../register-set.js';
import {
  FLAGS,
  general,
  generalBit,
  maskBit,
  NONE,
  VECTOR_STATE,
  VECTOR_UPPER_PARTS,
  xmmBit,
  ymmBits,
  zmmBits,
} from './register-set.js';

export interface RegisterUses {
  readonly reads: RegisterSet;
  readonly writes: RegisterSet;
  readonly kills: RegisterSet;
}

type Library = typeof Iced;

/** What one of iced's registers is in a {@link RegisterSet}. */
interface Part {
  readonly part: RegisterSet;
  /** All of the register it belongs to. */
  readonly whole: RegisterSet;
  /** False for al, ah and ax: writing them leaves the rest of rax. */
  readonly replacesWhole: boolean;
}

/** OF SF ZF AF CF PF, the first six of iced's RflagsBits. */
const ARITHMETIC_FLAGS = 0x3f;

const SYSCALL_READS = general('rax', 'rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9');
const SYSCALL_WRITES = general('rax', 'rcx', 'r11');

function partsOf({ Register }: Library): ReadonlyMap<number, Part> {
  const parts = new Map<number, Part>();
  const add = (
    first: number,
    count: number,
    partOf: (n: number) => RegisterSet,
    wholeOf: (n: number) => RegisterSet = partOf,
    replacesWhole = true,
  ): void => {
    for (let n = 0; n < count; n += 1) {
      parts.set(first + n, { part: partOf(n), whole: wholeOf(n), replacesWhole });
    }
  };
  add(Register.AL, 4, generalBit, generalBit, false);
  add(Register.AH, 4, generalBit, generalBit, false);
  add(Register.SPL, 12, (n) => generalBit(n + 4), undefined, false);
  add(Register.AX, 16, generalBit, generalBit, false);
  add(Register.EAX, 16, generalBit);
  add(Register.RAX, 16, generalBit);
  add(Register.XMM0, 32, xmmBit, zmmBits);
  add(Register.YMM0, 32, ymmBits, zmmBits);
  add(Register.ZMM0, 32, zmmBits);
  add(Register.K0, 8, maskBit);
  return parts;
}

/** Reads {@link RegisterUses} off iced's instructions. Holds one wasm object for its whole life. */
export class RegisterUseReader {
  private readonly iced: Library;
  private readonly factory: Iced.InstructionInfoFactory;
  private readonly parts: ReadonlyMap<number, Part>;

  constructor(iced: Library) {
    this.iced = iced;
    this.factory = new iced.InstructionInfoFactory();
    this.parts = partsOf(iced);
  }

  /** @param instruction borrowed */
  usesOf(instruction: Iced.Instruction): RegisterUses {
    const { Mnemonic } = this.iced;
    if (instruction.isSaveRestoreInstruction) {
      const named = this.named(instruction);
      const reads = named.reads | VECTOR_STATE;
      return { reads, writes: named.writes | VECTOR_STATE, kills: NONE };
    }
    switch (instruction.mnemonic) {
      case Mnemonic.Syscall:
      case Mnemonic.Sysenter:
      case Mnemonic.Int:
        return { reads: SYSCALL_READS, writes: SYSCALL_WRITES, kills: NONE };
      case Mnemonic.Vzeroupper:
        return { reads: NONE, writes: VECTOR_UPPER_PARTS, kills: VECTOR_UPPER_PARTS };
      default: {
        const named = this.named(instruction);
        const flags = this.flagsOf(instruction);
        const reads = named.reads | flags.reads;
        return {
          reads,
          writes: named.writes | flags.writes,
          kills: (named.kills | flags.kills) & ~reads,
        };
      }
    }
  }

  private named(instruction: Iced.Instruction): RegisterUses {
    const { InstructionInfoOptions, OpAccess } = this.iced;
    let [reads, writes, kills] = [NONE, NONE, NONE];
    const info = this.factory.infoOptions(instruction, InstructionInfoOptions.NoMemoryUsage);
    // Every element is an object in wasm memory: each is freed, whatever happens.
    const used = info.usedRegisters() as readonly Iced.UsedRegister[];
    try {
      for (const { register, access } of used) {
        const known = this.parts.get(register);
        if (!known) continue;
        const written = access !== OpAccess.Read && access !== OpAccess.CondRead;
        if (access !== OpAccess.Write && access !== OpAccess.CondWrite) reads |= known.part;
        if (written) writes |= known.whole;
        if (access === OpAccess.Write && known.replacesWhole) kills |= known.part;
      }
    } finally {
      for (const each of used) each.free();
      info.free();
    }
    return { reads, writes, kills };
  }

  private flagsOf(instruction: Iced.Instruction): RegisterUses {
    const { Register } = this.iced;
    const written = instruction.rflagsModified & ARITHMETIC_FLAGS;
    const mayKeep =
      instruction.hasRepPrefix ||
      instruction.hasRepnePrefix ||
      (instruction.opCount > 0 && instruction.opRegister(instruction.opCount - 1) === Register.CL);
    return {
      reads: (instruction.rflagsRead & ARITHMETIC_FLAGS) === 0 ? NONE : FLAGS,
      writes: written === 0 ? NONE : FLAGS,
      kills: written === ARITHMETIC_FLAGS && !mayKeep ? FLAGS : NONE,
    };
  }
}
