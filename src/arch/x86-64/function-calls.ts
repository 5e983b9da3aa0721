/**
 * Calls of functions of the program, above the same frame as injected system calls: see injection.ts.
 *
 *   rsp ->  pretcode   where the function returns to: `mov $15,%eax; syscall`
 *           ucontext   the thread as it was
 *
 * The frame is where the kernel would put that of a signal, so that the stack is aligned as the
 * psABI wants it at the entry of a function (3.2.2), and the function's `ret` is that of a handler.
 * Without hcr it leads to rt_sigreturn, which puts the thread back. With hcr the thread is caught as
 * it enters that call, which is then made to be no call: rip goes back to the gadget, so that a thread
 * let go after that makes it again.
 *
 * A function may count on an empty x87 stack (3.2.1), which code that was interrupted need not have.
 *
 * @see psABI for AMD64, 3.2.1 to 3.2.3; Intel SDM volume 1, 10.5.1 for the layout of FXSAVE
 */
import type { FunctionCalls } from '../function-calls.js';
import { injection } from './injection.js';
import { readSigned, writeRegister } from './registers.js';
import { syscalls } from './syscalls.js';

const RETURN_ADDRESS_BYTES = 8;
/** nanosleep and clock_nanosleep begin with it. @see kernel/time/hrtimer.c, posix-timers.c */
const FORGETFUL: ReadonlySet<number> = new Set([35, 230]);
/** The status word and the abridged tag word in an FXSAVE area: nothing happened, nothing is there. */
const FXSAVE_STATUS = { start: 2, end: 5 } as const;

export const functionCalls: FunctionCalls = {
  registers(frame, entry, argument) {
    const regs = injection.syscallRegisters(frame, 0, [argument]);
    writeRegister(regs, 'rip', BigInt(entry));
    return regs;
  },

  extendedState(extended) {
    const state = extended.slice();
    state.fill(0, FXSAVE_STATUS.start, FXSAVE_STATUS.end);
    return state;
  },

  forgetsWait: (regs) => FORGETFUL.has(readSigned(regs, 'orig_rax')),

  isReturning(frame, regs) {
    return (
      readSigned(regs, 'orig_rax') === syscalls.rt_sigreturn &&
      readSigned(regs, 'rsp') === frame.stackPointer + RETURN_ADDRESS_BYTES
    );
  },

  stayingRegisters(frame, regs) {
    const staying = regs.slice();
    writeRegister(staying, 'orig_rax', -1n);
    writeRegister(staying, 'rip', BigInt(frame.sigreturnGadget));
    return staying;
  },
};
