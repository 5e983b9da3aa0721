/** By which numbers the kernel of a machine knows system calls. */
export interface SyscallNumbers {
  /** That hcr makes itself. */
  readonly perf_event_open: number;
  readonly memfd_create: number;
  readonly ftruncate: number;
  readonly mmap: number;
  readonly mprotect: number;
  readonly munmap: number;
  readonly close: number;
  readonly rt_sigreturn: number;
}
