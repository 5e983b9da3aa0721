/**
 * System calls on a thread that did not ask for them, with a way back that needs no hcr.
 *
 * The kernel lets a thread whose tracer dies run on with the registers it then has. So the thread
 * never gets registers that lead nowhere: rip is at a `syscall; ret` somewhere in its libc, and rsp
 * at a signal frame, as if a handler were about to return:
 *
 *   rsp ->  pretcode   address of `mov $15,%eax; syscall`    <- `ret` goes there,
 *           ucontext   the thread as it was                     rt_sigreturn reads this
 *           siginfo    unused
 *           XSAVE area, 64-byte aligned, with its magic words
 *           scratch    memory for arguments of the injected calls
 *           128 bytes  the red zone of what the thread was doing (psABI 3.2.2)
 *
 * If hcr dies before, in or after the call, `ret` and rt_sigreturn bring back all registers, the
 * vector state and the signal mask.
 *
 * Three traps in rt_sigreturn (arch/x86/kernel/signal_64.c):
 * - It never restarts a call: orig_rax becomes -1 and the restart block is reset. So a thread that
 *   stands at a call to be restarted gets a context which makes that call again, the original one
 *   with its whole timeout; restart_syscall would only answer EINTR now.
 * - It sets the alternate signal stack from `uc_stack`. hcr does not know the thread's, so it
 *   passes flags that sigaltstack(2) refuses with EINVAL, which `restore_altstack` ignores.
 * - It looks for the frame 8 bytes below rsp, where `ret` has just taken pretcode from.
 *
 * Where the frame is: as the kernel places its own, 8 below a multiple of 16 (`get_sigframe`).
 * fs_base and gs_base are not part of it; injected calls do not change them.
 *
 * A thread with a user shadow stack (CET) would fault at the `ret`: its entry is not there. Check
 * `x86_Thread_features` in /proc/pid/status.
 *
 * @see arch/x86/include/asm/sigframe.h; arch/x86/include/uapi/asm/ucontext.h and sigcontext.h;
 * sigreturn(2)
 */
import { addr } from '../../core/address.js';
import { HcrError } from '../../core/failure.js';
import type { FrameInput, Injection, InjectionFrame } from '../injection.js';
import { EXTENDED_STATE_ALIGNMENT, signalFrameState } from './extended-state.js';
import {
  COMPATIBILITY_CS,
  type RegisterField,
  readRegister,
  readSigned,
  registers,
  writeRegister,
} from './registers.js';

const RED_ZONE_BYTES = 128;
const SIGNAL_MASK_BYTES = 8;

/** Offsets in `struct rt_sigframe`. */
export const FRAME = {
  pretcode: 0,
  uc_flags: 8,
  uc_stack_ss_flags: 32,
  sigcontext: 48,
  fpstate: 232,
  uc_sigmask: 304,
  sizeBytes: 440,
} as const;

/** The 8-byte fields of `struct sigcontext_64` up to the segments, in order. */
export const SIGCONTEXT_FIELDS: readonly RegisterField[] = [
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
  'rdi',
  'rsi',
  'rbp',
  'rbx',
  'rdx',
  'rax',
  'rcx',
  'rsp',
  'rip',
  'eflags',
];

/** Then four of 2 bytes. The kernel takes cs and ss from them. */
const SIGCONTEXT_SEGMENTS: readonly RegisterField[] = ['cs', 'gs', 'fs', 'ss'];

const UC_FP_XSTATE = 1;
const UC_SIGCONTEXT_SS = 2;
const UC_STRICT_RESTORE_SS = 4;

/** Neither SS_ONSTACK, SS_DISABLE nor 0, without the SS_AUTODISARM bit: refused. */
const REFUSED_SS_FLAGS = 0x7fffffff;

/** Trap, direction, nested task and alignment check: a system call is made without them. */
const CLEARED_FLAGS = 0x100n | 0x400n | 0x4000n | 0x40000n;

/** `__USER_CS` and `__USER_DS`, needed by a thread stopped in 32-bit code. */
const LONG_MODE_CS = 0x33n;
const LONG_MODE_SS = 0x2bn;

const ARGUMENTS: readonly RegisterField[] = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'];

const alignDown = (value: number, alignment: number): number => value - (value % alignment);

/** Registers from which the thread goes on when rt_sigreturn puts it back. */
function resumedRegisters(regs: Uint8Array): Uint8Array {
  const call = registers.interruptedSyscall(regs);
  const again = call !== undefined && (call.restartedByKernel || call.repeatable);
  return again ? registers.repeatSyscall(regs) : regs;
}

function buildFrame(input: FrameInput): InjectionFrame {
  if (input.signalMask.length !== SIGNAL_MASK_BYTES) {
    throw new HcrError({
      code: 'unexpected',
      detail: `a signal mask of ${input.signalMask.length} bytes`,
    });
  }
  const original = input.registers.slice();
  const state = signalFrameState(input.extended);
  const resumed = resumedRegisters(original);

  const end = registers.stackPointer(original) - RED_ZONE_BYTES;
  const scratch = alignDown(end - input.scratchBytes, 16);
  const fpstate = alignDown(scratch - state.bytes.length, EXTENDED_STATE_ALIGNMENT);
  const start = alignDown(fpstate - FRAME.sizeBytes, 16) - 8;

  const bytes = new Uint8Array(end - start);
  const view = new DataView(bytes.buffer);
  const flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (state.hasXstate ? UC_FP_XSTATE : 0);
  view.setBigUint64(FRAME.pretcode, BigInt(input.sigreturnGadget), true);
  view.setUint32(FRAME.uc_flags, flags, true);
  view.setUint32(FRAME.uc_stack_ss_flags, REFUSED_SS_FLAGS, true);
  let offset: number = FRAME.sigcontext;
  for (const field of SIGCONTEXT_FIELDS) {
    view.setBigUint64(offset, readRegister(resumed, field), true);
    offset += 8;
  }
  for (const field of SIGCONTEXT_SEGMENTS) {
    view.setUint16(offset, Number(readRegister(resumed, field) & 0xffffn), true);
    offset += 2;
  }
  view.setBigUint64(FRAME.fpstate, BigInt(fpstate), true);
  bytes.set(input.signalMask, FRAME.uc_sigmask);
  bytes.set(state.bytes, fpstate - start);

  return {
    start: addr(start),
    bytes,
    stackPointer: addr(start),
    scratch: addr(scratch),
    syscallGadget: input.syscallGadget,
    sigreturnGadget: input.sigreturnGadget,
    original,
  };
}

function syscallRegisters(
  frame: InjectionFrame,
  call: number,
  args: readonly number[],
): Uint8Array {
  if (args.length > ARGUMENTS.length) {
    throw new HcrError({ code: 'unexpected', detail: `a system call of ${args.length} arguments` });
  }
  const regs = frame.original.slice();
  writeRegister(regs, 'rip', BigInt(frame.syscallGadget));
  writeRegister(regs, 'rsp', BigInt(frame.stackPointer));
  writeRegister(regs, 'rax', BigInt(call));
  // Nothing for the kernel to restart when the thread goes on.
  writeRegister(regs, 'orig_rax', -1n);
  writeRegister(regs, 'eflags', readRegister(regs, 'eflags') & ~CLEARED_FLAGS);
  if (readRegister(regs, 'cs') === COMPATIBILITY_CS) {
    writeRegister(regs, 'cs', LONG_MODE_CS);
    writeRegister(regs, 'ss', LONG_MODE_SS);
  }
  ARGUMENTS.forEach((field, i) => writeRegister(regs, field, BigInt(args[i] ?? 0)));
  return regs;
}

/** @see psABI for AMD64, A.2.1, for the registers of a system call */
export const injection: Injection = {
  syscallGadgets: [
    Uint8Array.of(
      ...[0x0f, 0x05], // syscall
      ...[0xc3], //       ret
    ),
  ],
  auditArch: 0xc000003e, // AUDIT_ARCH_X86_64
  sigreturnGadgets: [
    Uint8Array.of(
      ...[0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00], // mov $15,%rax
      ...[0x0f, 0x05], //                               syscall
    ),
    Uint8Array.of(
      ...[0xb8, 0x0f, 0x00, 0x00, 0x00], // mov $15,%eax
      ...[0x0f, 0x05], //                   syscall
    ),
  ],
  buildFrame,
  syscallRegisters,
  syscallResult: (regs) => readSigned(regs, 'rax'),
};
