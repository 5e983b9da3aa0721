/**
 * General registers as the kernel hands them out, and what they say about a system call.
 *
 * The bytes are `struct user_regs_struct` of arch/x86/include/asm/user_64.h: 27 fields of 8 bytes.
 * They come from PTRACE_GETREGS and PTRACE_GETREGSET with NT_PRSTATUS alike.
 *
 * **Interrupted calls.** A thread stopped inside a system call has left it: the call has returned
 * to the edge of the kernel with an error, `orig_rax` holds its number (it is -1 when the thread
 * came from an exception or interrupt), and rax the error.
 *
 * -512, -513, -514 (ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND) and -516 (ERESTART_RESTARTBLOCK)
 * of include/linux/errno.h never reach a program: where no handler runs, the kernel makes the call
 * again when the thread goes on (`arch_do_signal_or_restart` in arch/x86/kernel/signal.c). -515 is
 * ENOIOCTLCMD and has nothing to do with it.
 *
 * -4 (EINTR) does reach it. signal(7), "Interruption of system calls and library functions by stop
 * signals", lists calls that answer EINTR after a mere stop and continue, and no tracer can help
 * stopping. Making the call again is invisible where EINTR means that nothing has happened yet.
 * {@link REPEATABLE} names those calls, after reading what each does before it returns EINTR; for a
 * call that is not in it the answer stays as it is, which is what any debugger does.
 *
 * Whether a call is made again is left to the kernel: at the stop its answer is changed from EINTR to
 * ERESTARTNOHAND, which the kernel looks at on the way back to the program, in one step with the
 * signals that wait by then. Where a handler is to run the program gets its EINTR, as it would have;
 * where none is, also after a signal that the program ignores (a tracee gets those too), the call is
 * made again, and a mask that ppoll or epoll_pwait had set is taken back first. Deciding it here, and
 * moving the pc, would hide a signal that comes between the look and the resumption.
 *
 * @see ptrace(2), signal(7)
 */
import { HcrError } from '../../core/failure.js';
import type { InterruptedSyscall, Registers } from '../registers.js';

const FIELDS = [
  'r15',
  'r14',
  'r13',
  'r12',
  'rbp',
  'rbx',
  'r11',
  'r10',
  'r9',
  'r8',
  'rax',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
  'orig_rax',
  'rip',
  'cs',
  'eflags',
  'rsp',
  'ss',
  'fs_base',
  'gs_base',
  'ds',
  'es',
  'fs',
  'gs',
] as const;

export type RegisterField = (typeof FIELDS)[number];

export const REGISTERS_BYTES: number = 8 * FIELDS.length;

const EINTR = 4;
const ERESTARTSYS = 512;
const ERESTARTNOINTR = 513;
const ERESTARTNOHAND = 514;
const ERESTART_RESTARTBLOCK = 516;

const RESTARTED_BY_KERNEL: ReadonlySet<number> = new Set([
  ERESTARTSYS,
  ERESTARTNOINTR,
  ERESTARTNOHAND,
  ERESTART_RESTARTBLOCK,
]);

/** `__USER32_CS`: the thread runs 32-bit code, where call numbers are those of i386. */
export const COMPATIBILITY_CS = 0x23n;

/** What the kernel makes instead of a call that it restarts with ERESTART_RESTARTBLOCK. It finds
 *  out what to go on with in the thread's restart block; made at any other time it returns EINTR,
 *  and the number of the original call is not in the registers any more. */
const RESTART_SYSCALL = 219;

/** `syscall`, `sysenter` and `int $0x80` are two bytes each. */
const SYSCALL_INSTRUCTION_BYTES = 2n;

/** A timeout by reference: none is a null pointer. */
const isNull =
  (field: RegisterField) =>
  (regs: Uint8Array): boolean =>
    readRegister(regs, field) === 0n;
/** A timeout as an `int` in milliseconds: less than 0 is none. */
const isNegative =
  (field: RegisterField) =>
  (regs: Uint8Array): boolean =>
    BigInt.asIntN(32, readRegister(regs, field)) < 0n;
const always = (): boolean => true;

interface RepeatableCall {
  readonly name: string;
  /** Whether it waits for what may never come, or until a moment in absolute time. Absent where the
   *  registers do not show that: the timeout of a socket is an option of the socket. */
  readonly isEndless?: (regs: Uint8Array) => boolean;
}

/**
 * Calls which, when they return EINTR, have neither taken nor given anything. Timeouts count again
 * from the start, as they would for a program that retries by itself; absolute ones are kept.
 *
 * - epoll_wait, epoll_pwait, epoll_pwait2: EINTR only when no event was reported (`ep_poll`).
 * - poll, ppoll, select, pselect6: as a rule restarted by the kernel; EINTR when the remaining time
 *   could not be written back (`poll_select_finish`).
 * - read, write and their kin, send and receive, accept: on a socket with SO_RCVTIMEO or SO_SNDTIMEO
 *   the kernel does not restart (`sock_intr_errno`); what was transferred comes back as a count
 *   instead of EINTR. inotify before Linux 3.8.
 * - semop, semtimedop: all operations or none (`do_semtimedop`).
 * - msgsnd, msgrcv, mq_timedsend, mq_timedreceive: one whole message or none.
 * - rt_sigtimedwait: no signal was taken off the queue (`do_sigtimedwait`).
 * - rt_sigsuspend, pause: they only wait.
 * - futex, futex_waitv, futex_wait: the value is compared anew. nanosleep, clock_nanosleep: by the
 *   kernel nowadays, EINTR from old ones.
 * - io_getevents, io_pgetevents, io_uring_enter: EINTR only when no event was taken and nothing
 *   was submitted (`read_events`, `io_uring_enter`).
 * - wait4, waitid: no child was reaped.
 * - connect: on a socket with SO_SNDTIMEO. The kernel itself makes it again where there is no timeout,
 *   so every protocol bears it: TCP goes on waiting for its handshake, a local socket has not begun
 *   (`__inet_stream_connect`, `unix_stream_connect`). When the time is up in the end, TCP then says
 *   EALREADY instead of EINPROGRESS: a connection that failed, where EINTR would fail one that works.
 *
 * Left out on purpose:
 * - close (3): the descriptor is gone; a second close could take another thread's new one.
 * - dup2, dup3: the old file of the descriptor may be closed already.
 * - open of a FIFO or device, ioctl, fsync, sendfile, splice, copy_file_range, msync, mount,
 *   request_key, everything that creates or removes: the effect depends on a driver or file system
 *   (FUSE, NFS) that may have done part of it.
 * - restart_syscall (219), see below.
 */
const REPEATABLE: ReadonlyMap<number, RepeatableCall> = new Map<number, RepeatableCall>([
  [0, { name: 'read' }],
  [1, { name: 'write' }],
  [7, { name: 'poll', isEndless: isNegative('rdx') }],
  [17, { name: 'pread64' }],
  [18, { name: 'pwrite64' }],
  [19, { name: 'readv' }],
  [20, { name: 'writev' }],
  [23, { name: 'select', isEndless: isNull('r8') }],
  [34, { name: 'pause', isEndless: always }],
  [35, { name: 'nanosleep' }],
  [42, { name: 'connect' }],
  [43, { name: 'accept' }],
  [44, { name: 'sendto' }],
  [45, { name: 'recvfrom' }],
  [46, { name: 'sendmsg' }],
  [47, { name: 'recvmsg' }],
  [61, { name: 'wait4', isEndless: always }],
  [65, { name: 'semop', isEndless: always }],
  [69, { name: 'msgsnd', isEndless: always }],
  [70, { name: 'msgrcv', isEndless: always }],
  [128, { name: 'rt_sigtimedwait', isEndless: isNull('rdx') }],
  [130, { name: 'rt_sigsuspend', isEndless: always }],
  [202, { name: 'futex' }],
  [208, { name: 'io_getevents', isEndless: isNull('r8') }],
  [220, { name: 'semtimedop', isEndless: isNull('r10') }],
  [230, { name: 'clock_nanosleep' }],
  [232, { name: 'epoll_wait', isEndless: isNegative('r10') }],
  [242, { name: 'mq_timedsend', isEndless: always }],
  [243, { name: 'mq_timedreceive', isEndless: always }],
  [247, { name: 'waitid', isEndless: always }],
  [270, { name: 'pselect6', isEndless: isNull('r8') }],
  [271, { name: 'ppoll', isEndless: isNull('rdx') }],
  [281, { name: 'epoll_pwait', isEndless: isNegative('r10') }],
  [288, { name: 'accept4' }],
  [295, { name: 'preadv' }],
  [296, { name: 'pwritev' }],
  [299, { name: 'recvmmsg' }],
  [307, { name: 'sendmmsg' }],
  [327, { name: 'preadv2' }],
  [328, { name: 'pwritev2' }],
  [333, { name: 'io_pgetevents', isEndless: isNull('r8') }],
  [426, { name: 'io_uring_enter' }],
  [441, { name: 'epoll_pwait2', isEndless: isNull('r10') }],
  [449, { name: 'futex_waitv' }],
  [455, { name: 'futex_wait' }],
]);

function viewOf(regs: Uint8Array): DataView {
  if (regs.length < REGISTERS_BYTES) {
    throw new HcrError({
      code: 'unexpected',
      detail: `general registers take ${REGISTERS_BYTES} bytes, got ${regs.length}`,
    });
  }
  return new DataView(regs.buffer, regs.byteOffset, regs.byteLength);
}

const offsetOf = (field: RegisterField): number => 8 * FIELDS.indexOf(field);

/** @throws HcrError `unexpected` when `regs` is too short, here and below. */
export function readRegister(regs: Uint8Array, field: RegisterField): bigint {
  return viewOf(regs).getBigUint64(offsetOf(field), true);
}

/** Writes in place; negative values wrap. */
export function writeRegister(regs: Uint8Array, field: RegisterField, value: bigint): void {
  viewOf(regs).setBigUint64(offsetOf(field), BigInt.asUintN(64, value), true);
}

/** A register as the signed number it holds. */
export function readSigned(regs: Uint8Array, field: RegisterField): number {
  return Number(BigInt.asIntN(64, readRegister(regs, field)));
}

function interruptedSyscall(regs: Uint8Array): InterruptedSyscall | undefined {
  const number = readSigned(regs, 'orig_rax');
  if (number < 0 || readRegister(regs, 'cs') === COMPATIBILITY_CS) return undefined;
  const errno = -readSigned(regs, 'rax');
  const restartedByKernel = RESTARTED_BY_KERNEL.has(errno);
  if (!restartedByKernel && errno !== EINTR) return undefined;
  return {
    number,
    errno,
    repeatable: number !== RESTART_SYSCALL && (restartedByKernel || REPEATABLE.has(number)),
    restartedByKernel,
    hasTimeout: REPEATABLE.get(number)?.isEndless?.(regs) !== true,
  };
}

function repeatSyscall(regs: Uint8Array): Uint8Array {
  const again = regs.slice();
  writeRegister(again, 'rip', readRegister(regs, 'rip') - SYSCALL_INSTRUCTION_BYTES);
  writeRegister(again, 'rax', readRegister(regs, 'orig_rax'));
  writeRegister(again, 'orig_rax', -1n);
  return again;
}

function restartSyscall(regs: Uint8Array): Uint8Array {
  const again = regs.slice();
  writeRegister(again, 'rax', BigInt(-ERESTARTNOHAND));
  return again;
}

/** The calls that the kernel goes on with by `restart_syscall`: poll, nanosleep, futex, clock_nanosleep.
 *  @see who sets `restart_block.fn` in the kernel */
const GONE_ON_WITH: ReadonlySet<number> = new Set([7, 35, 202, 230]);
/** The call's number is put into eax right before it, or a few instructions earlier. */
const CALL_CODE_BYTES = 24;
const MOV_EAX = 0xb8;
const MOV_EAX_BYTES = 5;

/** The arguments are in their registers still: only the number has been replaced. */
function asFirstMade(regs: Uint8Array, codeBefore: Uint8Array): Uint8Array {
  const first = regs.slice();
  if (interruptedSyscall(regs)?.number !== RESTART_SYSCALL) return first;
  const view = new DataView(codeBefore.buffer, codeBefore.byteOffset, codeBefore.byteLength);
  const end = codeBefore.length - Number(SYSCALL_INSTRUCTION_BYTES);
  for (let at = end - MOV_EAX_BYTES; at >= 0; at--) {
    if (codeBefore[at] !== MOV_EAX) continue;
    const number = view.getUint32(at + 1, true);
    if (!GONE_ON_WITH.has(number)) continue;
    writeRegister(first, 'orig_rax', BigInt(number));
    break;
  }
  return first;
}

export const registers: Registers = {
  asFirstMade,
  callCodeBytes: CALL_CODE_BYTES,
  sizeBytes: REGISTERS_BYTES,
  pc: (regs) => Number(readRegister(regs, 'rip')),
  withPc: (regs, pc) => {
    const copy = regs.slice();
    writeRegister(copy, 'rip', BigInt(pc));
    return copy;
  },
  stackPointer: (regs) => Number(readRegister(regs, 'rsp')),
  redZoneBytes: 128,
  extendedSet: 0x202, // NT_X86_XSTATE
  threadPointer: (regs) => Number(readRegister(regs, 'fs_base')),
  interruptedSyscall,
  repeatSyscall,
  restartSyscall,
};
