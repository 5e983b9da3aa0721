/** System calls of hcr, as a tracer sees them. @see PTRACE_GET_SYSCALL_INFO in ptrace(2) */
import type { Libc, NativeBuffer } from '../src/ptrace/libc.js';

const GET_SYSCALL_INFO = 0x420e;
const INFO = { op: 0, number: 24, firstArgument: 32, result: 24, sizeBytes: 88 } as const;
const OP_ENTRY = 1;

/** On x86-64; calls that are not listed are told by number. */
const NAMES: Readonly<Record<number, string>> = {
  0: 'read',
  1: 'write',
  3: 'close',
  7: 'poll',
  9: 'mmap',
  10: 'mprotect',
  11: 'munmap',
  17: 'pread64',
  18: 'pwrite64',
  24: 'sched_yield',
  28: 'madvise',
  35: 'nanosleep',
  56: 'clone',
  58: 'vfork',
  59: 'execve',
  61: 'wait4',
  62: 'kill',
  89: 'readlink',
  101: 'ptrace',
  202: 'futex',
  217: 'getdents64',
  230: 'clock_nanosleep',
  232: 'epoll_wait',
  257: 'openat',
  262: 'newfstatat',
  281: 'epoll_pwait',
  310: 'process_vm_readv',
  311: 'process_vm_writev',
  332: 'statx',
  435: 'clone3',
};

export interface CallEntry {
  readonly at: 'entry';
  readonly name: string;
  readonly first: number;
  readonly second: number;
}

export interface CallExit {
  readonly at: 'exit';
  readonly result: number;
}

export function describeCall(libc: Libc, buffer: NativeBuffer, tid: number): CallEntry | CallExit {
  const got = libc.ptrace(GET_SYSCALL_INFO, tid, INFO.sizeBytes, buffer.address);
  if (got < 0) throw new Error(`PTRACE_GET_SYSCALL_INFO failed with errno ${-got}`);
  const { view } = buffer;
  if (view.getUint8(INFO.op) !== OP_ENTRY)
    return { at: 'exit', result: Number(view.getBigInt64(INFO.result, true)) };
  const number = Number(view.getBigUint64(INFO.number, true));
  return {
    at: 'entry',
    name: NAMES[number] ?? `system call ${number}`,
    first: Number(view.getBigUint64(INFO.firstArgument, true)),
    second: Number(view.getBigUint64(INFO.firstArgument + 8, true)),
  };
}
