/** The x86-64 machine: psABI for AMD64, little-endian, 4 KiB pages. */
import type { Machine } from '../arch.js';
import { callingConvention } from './calling-convention.js';
import { functionCalls } from './function-calls.js';
import { injection } from './injection.js';
import { jumps } from './jumps.js';
import { patterns } from './patterns.js';
import { registers } from './registers.js';
import { relocations } from './relocations.js';
import { syscalls } from './syscalls.js';
import { threadLocals } from './thread-locals.js';
import { unwinding } from './unwinding.js';

const EM_X86_64 = 62;

export const x8664: Machine = {
  name: 'x86-64',
  elfMachine: EM_X86_64,
  pageBytes: 4096,
  // gcc 12 and later; see "x86 Options" in its manual.
  indirectDataFlags: ['-mno-direct-extern-access'],
  relocations,
  threadLocals,
  jumps,
  patterns,
  callingConvention,
  registers,
  unwinding,
  syscalls,
  injection,
  functionCalls,
  loadDecoder: async () => (await import('./decoder.js')).loadDecoder(),
};
