/** Numbers of the ptrace interface. @see ptrace(2), linux/ptrace.h, linux/elf.h */
export const PTRACE = {
  CONT: 7,
  DETACH: 17,
  SYSCALL: 24,
  SETOPTIONS: 0x4200,
  GETEVENTMSG: 0x4201,
  GETSIGINFO: 0x4202,
  GETREGSET: 0x4204,
  SETREGSET: 0x4205,
  SEIZE: 0x4206,
  INTERRUPT: 0x4207,
  LISTEN: 0x4208,
  GETSIGMASK: 0x420a,
  SETSIGMASK: 0x420b,
  SECCOMP_GET_FILTER: 0x420c,
  GET_RSEQ_CONFIGURATION: 0x420f,
} as const;

export const PTRACE_OPTION = {
  /** Syscall stops are reported as SIGTRAP | 0x80, so that they are not taken for signals. */
  TRACESYSGOOD: 1,
  TRACECLONE: 0x08,
  TRACEEXEC: 0x10,
  /** No seccomp filter is asked while the tracer lives. */
  SUSPEND_SECCOMP: 0x20_0000,
} as const;

export const PTRACE_EVENT = { CLONE: 3, EXEC: 4, STOP: 128 } as const;

/** The register set of general registers, on every machine. */
export const NT_PRSTATUS = 1;

export const WAIT = { NOHANG: 1, UNTRACED: 2, ALL: 0x40000000 } as const;

export const SIGNAL = { TRAP: 5 } as const;

/** A wait status taken apart. @see waitpid(2), ptrace(2) "Stopped states" */
export type StopReason =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: number }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'group-stop'; readonly signal: number }
  | { readonly kind: 'signal'; readonly signal: number }
  | { readonly kind: 'syscall' }
  | { readonly kind: 'exec' }
  /** It has made a new thread, which is traced as well. */
  | { readonly kind: 'clone' };

export function stopReason(status: number): StopReason {
  const low = status & 0x7f;
  if (low === 0) return { kind: 'exited', code: (status >> 8) & 0xff };
  if (low !== 0x7f) return { kind: 'killed', signal: low };
  const signal = (status >> 8) & 0xff;
  const event = (status >> 16) & 0xff;
  if (event === PTRACE_EVENT.EXEC) return { kind: 'exec' };
  if (event === PTRACE_EVENT.CLONE) return { kind: 'clone' };
  if (event === PTRACE_EVENT.STOP) {
    return signal === SIGNAL.TRAP ? { kind: 'interrupted' } : { kind: 'group-stop', signal };
  }
  if (signal === (SIGNAL.TRAP | 0x80)) return { kind: 'syscall' };
  return { kind: 'signal', signal };
}
