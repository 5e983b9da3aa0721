/**
 * What hcr has to know about a machine. Everything outside `src/arch/<machine>/` works through
 * this interface; a new machine is one folder that implements it and one line in `select.ts`. Each
 * member's own interface is in the file of its name.
 */
import type { CallingConvention } from './calling-convention.js';
import type { Decoder } from './decoder.js';
import type { FunctionCalls } from './function-calls.js';
import type { Injection } from './injection.js';
import type { Jumps } from './jumps.js';
import type { CodePatterns } from './patterns.js';
import type { Registers } from './registers.js';
import type { Relocations } from './relocations.js';
import type { SyscallNumbers } from './syscalls.js';
import type { ThreadLocals } from './thread-locals.js';
import type { Unwinding } from './unwinding.js';

export interface Machine {
  readonly name: string;
  /** `e_machine` of its ELF files. */
  readonly elfMachine: number;
  readonly pageBytes: number;
  /** Compiler flags with which the address of every external variable is read from memory, so that
   *  the variable may be anywhere. */
  readonly indirectDataFlags: readonly string[];
  readonly relocations: Relocations;
  readonly threadLocals: ThreadLocals;
  readonly jumps: Jumps;
  readonly patterns: CodePatterns;
  readonly callingConvention: CallingConvention;
  readonly registers: Registers;
  readonly unwinding: Unwinding;
  readonly syscalls: SyscallNumbers;
  readonly injection: Injection;
  readonly functionCalls: FunctionCalls;
  /** Loads the instruction decoder. Takes tens of milliseconds the first time: do it beside a
   *  compiler, and only where bytes alone do not decide. */
  readonly loadDecoder: () => Promise<Decoder>;
}
