/**
 * Signals that end a program because something in it went wrong, and what the kernel tells of them.
 *
 * These are the signals whose default is a core dump, without SIGQUIT, which a user sends. One is
 * fatal when the program neither handles nor ignores it. A fault inside a handler of the same
 * signal, or one that is blocked, is fatal too: the kernel has taken the handler away by the time the
 * tracer sees it.
 * @see signal(7) "Standard signals"; sigaction(2) for the fields of siginfo_t
 */
import { constants } from 'node:os';
import type { Pid, Tid } from '../core/address.js';
import { hasSignal, readProcessStatus, readThreadStatus } from './procfs.js';
import type { Tracee } from './tracee.js';

const { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SIGXCPU, SIGXFSZ } =
  constants.signals;
const CRASHES: ReadonlySet<number> = new Set([
  ...[SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SIGXCPU, SIGXFSZ],
]);
/** Brought about by an instruction, before it has done anything. */
const FAULTS: ReadonlySet<number> = new Set([SIGBUS, SIGFPE, SIGILL, SIGSEGV]);

/** Offsets in siginfo_t, the same on every 64-bit machine but MIPS. */
const SI = { code: 8, pid: 16, addr: 16 } as const;
/** `si_code` of kill(2), sigqueue(3) and tgkill(2). */
const SENT: ReadonlySet<number> = new Set([0, -1, -6]);
/** `si_code` when the kernel knows no address. */
const SI_KERNEL = 0x80;

export interface FatalSignal {
  readonly signal: number;
  /** As `SIGSEGV`. */
  readonly name: string;
  /** What an instruction did wrong with what address: an access for SIGSEGV and SIGBUS, itself for
   *  the others; undefined when it was no instruction or the kernel does not know. */
  readonly faultAddress: bigint | undefined;
  /** True when the instruction that the thread stands at would bring it about again. */
  readonly isRepeatable: boolean;
  /** True when another process has sent it: then it says nothing of the code that it met. */
  readonly isFromElsewhere: boolean;
}

/** Whether a signal would end the process of a thread now, as a sign that something went wrong. */
export function isFatal(pid: Pid, tid: Tid, signal: number): boolean {
  if (!CRASHES.has(signal)) return false;
  const status = readThreadStatus(pid, tid);
  if (status === undefined) return false;
  const { caughtSignals, ignoredSignals } = status;
  return !hasSignal(caughtSignals | ignoredSignals, signal);
}

/** What the kernel tells of the signal that a thread is about to get.
 *  @throws HcrError `target-exited`, `no-such-process` */
export function readFatalSignal(pid: Pid, tracee: Tracee, signal: number): FatalSignal {
  const info = tracee.readSignalInfo();
  const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
  const code = view.getInt32(SI.code, true);
  const isFault = FAULTS.has(signal) && code > 0 && code !== SI_KERNEL;
  return {
    signal,
    name: signalName(signal),
    faultAddress: isFault ? view.getBigUint64(SI.addr, true) : undefined,
    isRepeatable: FAULTS.has(signal) && code > 0,
    isFromElsewhere:
      SENT.has(code) && !readProcessStatus(pid).namespacePids.includes(view.getInt32(SI.pid, true)),
  };
}

export function signalName(signal: number): string {
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  return name ?? `signal ${signal}`;
}
