/** Numbers of the system calls that hcr makes in a target, and of one that libc has no function for.
 *  @see arch/x86/entry/syscalls/syscall_64.tbl in the kernel's source */
import type { SyscallNumbers } from '../syscalls.js';

export const syscalls: SyscallNumbers = {
  close: 3,
  mmap: 9,
  mprotect: 10,
  munmap: 11,
  rt_sigreturn: 15,
  ftruncate: 77,
  perf_event_open: 298,
  memfd_create: 319,
};
