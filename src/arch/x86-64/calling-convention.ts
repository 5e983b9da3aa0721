/** Where values go in a call. @see psABI for AMD64, 3.2.3 "Parameter Passing" */
import type { CallingConvention } from '../calling-convention.js';
import { general, NONE, zmmBits } from './register-set.js';

export const callingConvention: CallingConvention = {
  argumentRegisters: {
    integer: (['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9'] as const).map((name) => general(name)),
    'floating-point': [0, 1, 2, 3, 4, 5, 6, 7].map((number) => zmmBits(number)),
  },
  returnedIn: {
    nothing: NONE,
    integer: general('rax'),
    'floating-point': zmmBits(0),
    // Two registers of either kind, or of each; a record in memory has its address in rax.
    other: general('rax', 'rdx') | zmmBits(0) | zmmBits(1),
  },
};
