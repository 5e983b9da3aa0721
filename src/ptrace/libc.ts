/**
 * The few functions of libc that hcr calls, typed. Results follow the kernel: a negative number
 * is `-errno`. All calls block the one thread they are made from, which is on purpose: the kernel
 * answers ptrace requests only from the thread that attached.
 */
import type { AddrRange } from '../core/address.js';
import type { ForeignFunction, ForeignLibrary } from './ffi/foreign.js';
import { openForeignLibrary } from './ffi/open-library.js';

/** errno values of Linux on every machine hcr supports. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EEXIST: 17,
  EINVAL: 22,
} as const;

/** @see flock(2) */
const LOCK = { SHARED: 1, EXCLUSIVE: 2, NON_BLOCKING: 4 } as const;

/** Bytes whose address the target's kernel can be told. Never moved, never collected while held. */
export interface NativeBuffer {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly address: number;
}

/** Below this V8 may keep the bytes inside its own heap, where they move. */
const OFF_HEAP_MIN_BYTES = 4096;

/** UIO_MAXIOV of linux/uio.h. */
export const MAX_VECTORS = 1024;
/** `struct iovec`: address and length. */
const VECTOR_BYTES = 16;

const PR_SET_TIMERSLACK = 29;

/** `struct statx`, the same on every machine, and two flags. @see linux/stat.h, linux/fcntl.h */
const STATX = { sizeBytes: 256, linksOffset: 16, links: 4, emptyPath: 0x1000 } as const;

/** @see glibc's bits/termios.h */
const TERMINAL = { settingsBytes: 128, localModesOffset: 12, lines: 2 } as const;

export class Libc {
  readonly backend: ForeignLibrary['name'];
  private readonly library: ForeignLibrary;
  private readonly memmove: ForeignFunction;
  private readonly ptraceCall: ForeignFunction;
  private readonly waitpidCall: ForeignFunction;
  private readonly readv: ForeignFunction;
  private readonly writev: ForeignFunction;
  private readonly usleepCall: ForeignFunction;
  private readonly yieldCall: ForeignFunction;
  private readonly prctlCall: ForeignFunction;
  private readonly getPolicy: ForeignFunction;
  private readonly setPolicy: ForeignFunction;
  private readonly statxCall: ForeignFunction;
  private readonly syscallCall: ForeignFunction;
  private readonly fcntlCall: ForeignFunction;
  private readonly closeCall: ForeignFunction;
  private readonly killCall: ForeignFunction;
  private readonly tgkillCall: ForeignFunction;
  private readonly flockCall: ForeignFunction;
  private readonly alarmCall: ForeignFunction;
  private readonly status: NativeBuffer;
  private readonly vectors: NativeBuffer;
  private readonly emptyString: NativeBuffer;

  constructor(library: ForeignLibrary) {
    this.backend = library.name;
    this.library = library;
    this.memmove = library.bind('memmove', 'address', ['buffer', 'buffer', 'long']);
    this.ptraceCall = library.bind('ptrace', 'long', ['long', 'long', 'address', 'address']);
    this.waitpidCall = library.bind('waitpid', 'int', ['int', 'address', 'int']);
    const vector = ['int', 'address', 'long', 'address', 'long', 'long'] as const;
    this.readv = library.bind('process_vm_readv', 'long', vector);
    this.writev = library.bind('process_vm_writev', 'long', vector);
    this.usleepCall = library.bind('usleep', 'int', ['int']);
    this.yieldCall = library.bind('sched_yield', 'int', []);
    this.prctlCall = library.bind('prctl', 'int', ['int', 'long', 'long', 'long', 'long']);
    this.getPolicy = library.bind('sched_getscheduler', 'int', ['int']);
    this.setPolicy = library.bind('sched_setscheduler', 'int', ['int', 'int', 'address']);
    this.statxCall = library.bind('statx', 'int', ['int', 'address', 'int', 'int', 'address']);
    this.killCall = library.bind('kill', 'int', ['int', 'int']);
    this.syscallCall = library.bind('syscall', 'long', [
      'long',
      'address',
      'long',
      'long',
      'long',
      'long',
    ]);
    this.fcntlCall = library.bind('fcntl', 'int', ['int', 'int', 'address']);
    this.closeCall = library.bind('close', 'int', ['int']);
    this.tgkillCall = library.bind('tgkill', 'int', ['int', 'int', 'int']);
    this.flockCall = library.bind('flock', 'int', ['int', 'int']);
    this.alarmCall = library.bind('alarm', 'int', ['int']);
    this.emptyString = this.allocate(1);
    this.status = this.allocate(STATX.sizeBytes);
    this.vectors = this.allocate((1 + MAX_VECTORS) * VECTOR_BYTES);
  }

  /** A function of libc that is not called often. */
  bind(...[symbol, returns, parameters]: Parameters<ForeignLibrary['bind']>): ForeignFunction {
    return this.library.bind(symbol, returns, parameters);
  }

  /** Memory of hcr's own that foreign code may be pointed at. */
  allocate(lengthBytes: number): NativeBuffer {
    const bytes = Buffer.alloc(Math.max(lengthBytes, OFF_HEAP_MIN_BYTES));
    return {
      bytes,
      view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      address: this.memmove(bytes, bytes, 0),
    };
  }

  /** @see ptrace(2) */
  ptrace(request: number, tid: number, address: number, data: number): number {
    return this.ptraceCall(request, tid, address, data);
  }

  /** The wait status of a thread that has one, or undefined when it has nothing to report.
   *  @returns a negative errno when there is no such child or tracee
   *  @see waitpid(2) */
  waitpid(
    tid: number,
    options: number,
  ): { readonly tid: number; readonly status: number } | undefined {
    const result = this.waitpidCall(tid, this.status.address, options);
    if (result === 0) return undefined;
    return { tid: result, status: result > 0 ? this.status.bytes.readInt32LE(0) : 0 };
  }

  /** @returns bytes copied, or a negative errno. @see process_vm_readv(2) */
  processVmReadv(tid: number, remote: number, local: NativeBuffer, lengthBytes: number): number {
    this.describe(0, local.address, lengthBytes);
    this.describe(1, remote, lengthBytes);
    return this.copyVectors(this.readv, tid, 1);
  }

  /** Copies several ranges, at most {@link MAX_VECTORS}, one behind the other to `local`, where there
   *  is room for `lengthBytes`, which is what they have in all.
   *  @returns bytes copied, or a negative errno. @see process_vm_readv(2) */
  processVmReadvMany(
    tid: number,
    remotes: readonly AddrRange[],
    local: number,
    lengthBytes: number,
  ): number {
    this.describe(0, local, lengthBytes);
    for (let i = 0; i < remotes.length; i++) {
      const { start, end } = remotes[i] as AddrRange;
      this.describe(i + 1, start, end - start);
    }
    return this.copyVectors(this.readv, tid, remotes.length);
  }

  /** @returns bytes copied, or a negative errno. @see process_vm_writev(2) */
  processVmWritev(tid: number, remote: number, local: NativeBuffer, lengthBytes: number): number {
    this.describe(0, local.address, lengthBytes);
    this.describe(1, remote, lengthBytes);
    return this.copyVectors(this.writev, tid, 1);
  }

  private copyVectors(call: ForeignFunction, tid: number, remotes: number): number {
    const local = this.vectors.address;
    return call(tid, local, 1, local + VECTOR_BYTES, remotes, 0);
  }

  /** Fills in one `struct iovec`. Halves of words, because a bigint would have to be made of each. */
  private describe(index: number, address: number, lengthBytes: number): void {
    const { view } = this.vectors;
    const at = index * VECTOR_BYTES;
    view.setUint32(at, address % 2 ** 32, true);
    view.setUint32(at + 4, Math.floor(address / 2 ** 32), true);
    view.setUint32(at + 8, lengthBytes % 2 ** 32, true);
    view.setUint32(at + 12, Math.floor(lengthBytes / 2 ** 32), true);
  }

  /** How many links an open file has, 0 when it is gone. @see statx(2) */
  linkCount(file: number): number {
    const { address, view } = this.status;
    const path = this.emptyString.address;
    const result = this.statxCall(file, path, STATX.emptyPath, STATX.links, address);
    return result < 0 ? 0 : view.getUint32(STATX.linksOffset, true);
  }

  kill(pid: number, signal: number): number {
    return this.killCall(pid, signal);
  }

  /** Whether the file is a terminal that does not wait for whole lines. @see termios(3), ICANON */
  readsSingleKeys(file: number): boolean {
    const settings = this.allocate(TERMINAL.settingsBytes);
    if (this.bind('tcgetattr', 'int', ['int', 'address'])(file, settings.address) !== 0)
      return false;
    return (settings.view.getUint32(TERMINAL.localModesOffset, true) & TERMINAL.lines) === 0;
  }

  /** A call that libc has no function for. @see syscall(2) */
  syscall(
    number: number,
    address: number,
    ...words: readonly [number, number, number, number]
  ): number {
    return this.syscallCall(number, address, ...words);
  }

  /** @see fcntl(2) */
  fcntl(file: number, command: number, argument: number): number {
    return this.fcntlCall(file, command, argument);
  }

  close(file: number): void {
    this.closeCall(file);
  }

  /** Sends a signal to one thread. @see tgkill(2) */
  tgkill(pid: number, tid: number, signal: number): number {
    return this.tgkillCall(pid, tid, signal);
  }

  /** Takes a lock on an open file that ends with this process, if nobody has one that excludes it.
   *  @returns 0, or a negative errno. @see flock(2) */
  tryLock(file: number, kind: 'exclusive' | 'shared'): number {
    const operation = kind === 'exclusive' ? LOCK.EXCLUSIVE : LOCK.SHARED;
    return this.flockCall(file, operation | LOCK.NON_BLOCKING);
  }

  /** Has the kernel end this process by SIGALRM after so many seconds; 0 takes that back.
   *  @see alarm(2) */
  alarm(seconds: number): void {
    this.alarmCall(seconds);
  }

  sleepMicros(micros: number): void {
    this.usleepCall(micros);
  }

  yieldProcessor(): void {
    this.yieldCall();
  }

  /** How much later than asked for a sleep of this thread may end; 0 for the default of 50,000.
   *  @see PR_SET_TIMERSLACK(2const) */
  setTimerSlack(nanos: number): void {
    this.prctlCall(PR_SET_TIMERSLACK, nanos, 0, 0, 0);
  }

  /** The scheduling policy of this thread. @see sched(7) */
  schedulingPolicy(): number {
    return this.getPolicy(0);
  }

  /** @returns a negative errno when it is not permitted. @see sched_setscheduler(2) */
  setSchedulingPolicy(policy: number, priority: number): number {
    this.status.view.setInt32(0, priority, true);
    return this.setPolicy(0, policy, this.status.address);
  }
}

let shared: Libc | undefined;

/** libc, opened on first use.
 *  @throws HcrError `ffi-unavailable` */
export function libc(): Libc {
  shared ??= new Libc(openForeignLibrary());
  return shared;
}
