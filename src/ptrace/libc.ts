/**
 * The few functions of libc that hcr calls, typed. Results follow the kernel: a negative number
 * is `-errno`. All calls block the one thread they are made from, which is on purpose: the kernel
 * answers ptrace requests only from the thread that attached.
 */
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

/** Bytes whose address the target's kernel can be told. Never moved, never collected while held. */
export interface NativeBuffer {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly address: number;
}

/** Below this V8 may keep the bytes inside its own heap, where they move. */
const OFF_HEAP_MIN_BYTES = 4096;

/** @see glibc's spawn.h */
const SPAWN = {
  attributesBytes: 512,
  fileActionsBytes: 128,
  signalSetBytes: 128,
  setSignalDefaults: 4,
  sigpipe: 13,
} as const;

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
  private readonly spawnCall: ForeignFunction;
  private readonly killCall: ForeignFunction;
  private readonly status: NativeBuffer;
  private readonly vectors: NativeBuffer;

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
    this.killCall = library.bind('kill', 'int', ['int', 'int']);
    this.spawnCall = library.bind('posix_spawnp', 'int', [
      'address',
      'address',
      'address',
      'address',
      'address',
      'address',
    ]);
    this.status = this.allocate(8);
    this.vectors = this.allocate(32);
  }

  /** Memory of hcr's own that foreign code may be pointed at. */
  allocate(lengthBytes: number): NativeBuffer {
    const bytes = Buffer.allocUnsafeSlow(Math.max(lengthBytes, OFF_HEAP_MIN_BYTES)).fill(0);
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
    this.describe(remote, local, lengthBytes);
    const at = this.vectors.address;
    return this.readv(tid, at, 1, at + 16, 1, 0);
  }

  /** @returns bytes copied, or a negative errno. @see process_vm_writev(2) */
  processVmWritev(tid: number, remote: number, local: NativeBuffer, lengthBytes: number): number {
    this.describe(remote, local, lengthBytes);
    const at = this.vectors.address;
    return this.writev(tid, at, 1, at + 16, 1, 0);
  }

  private describe(remote: number, local: NativeBuffer, lengthBytes: number): void {
    const { view } = this.vectors;
    view.setBigUint64(0, BigInt(local.address), true);
    view.setBigUint64(8, BigInt(lengthBytes), true);
    view.setBigUint64(16, BigInt(remote), true);
    view.setBigUint64(24, BigInt(lengthBytes), true);
  }

  kill(pid: number, signal: number): number {
    return this.killCall(pid, signal);
  }

  /** Whether the file is a terminal that does not wait for whole lines. @see termios(3), ICANON */
  readsSingleKeys(file: number): boolean {
    const settings = this.allocate(TERMINAL.settingsBytes);
    if (this.library.bind('tcgetattr', 'int', ['int', 'address'])(file, settings.address) !== 0)
      return false;
    return (settings.view.getUint32(TERMINAL.localModesOffset, true) & TERMINAL.lines) === 0;
  }

  sleepMicros(micros: number): void {
    this.usleepCall(micros);
  }

  yieldProcessor(): void {
    this.yieldCall();
  }

  /**
   * Starts a program with hcr's own input and outputs, and with the signal that Node ignores at its
   * default. Node's own spawn is of no use for a tracee: libuv's waitpid
   * would take its ptrace stops for exits.
   * @returns its process id, or a negative errno. @see posix_spawn(3)
   */
  spawn(
    file: string,
    argv: readonly string[],
    environment: Readonly<Record<string, string | undefined>>,
  ): number {
    const variables = Object.entries(environment).flatMap(([k, v]) =>
      v === undefined ? [] : [`${k}=${v}`],
    );
    const attributes = this.allocate(SPAWN.attributesBytes);
    const defaults = this.allocate(SPAWN.signalSetBytes);
    defaults.view.setBigUint64(0, 1n << BigInt(SPAWN.sigpipe - 1), true);
    this.bindSpawnAttribute('posix_spawnattr_init')(attributes.address, 0);
    this.bindSpawnAttribute('posix_spawnattr_setsigdefault')(attributes.address, defaults.address);
    this.bindSpawnAttribute('posix_spawnattr_setflags')(
      attributes.address,
      SPAWN.setSignalDefaults,
    );
    const path = this.stringTable([file]);
    const words = this.stringTable(argv);
    const variableTable = this.stringTable(variables);
    const pid = this.allocate(8);
    const pathAddress = Number(path.view.getBigUint64(0, true));
    const error = this.spawnCall(
      pid.address,
      pathAddress,
      this.keepStandardFiles().address,
      attributes.address,
      words.address,
      variableTable.address,
    );
    return error === 0 ? pid.bytes.readInt32LE(0) : -Math.abs(error);
  }

  /** Node closes its standard files in programs that it starts; duplicating one onto itself keeps
   *  it open. @see posix_spawn_file_actions_adddup2(3) */
  private keepStandardFiles(): NativeBuffer {
    const actions = this.allocate(SPAWN.fileActionsBytes);
    this.library.bind('posix_spawn_file_actions_init', 'int', ['address'])(actions.address);
    const duplicate = this.library.bind('posix_spawn_file_actions_adddup2', 'int', [
      'address',
      'int',
      'int',
    ]);
    for (const file of [0, 1, 2]) duplicate(actions.address, file, file);
    return actions;
  }

  private bindSpawnAttribute(symbol: string): ForeignFunction {
    return this.library.bind(symbol, 'int', ['address', 'address']);
  }

  /** A NULL-terminated array of C strings, all in one block. */
  private stringTable(strings: readonly string[]): NativeBuffer {
    const encoded = strings.map((text) => Buffer.from(`${text}\0`, 'utf8'));
    const pointersBytes = (strings.length + 1) * 8;
    const block = this.allocate(
      pointersBytes + encoded.reduce((sum, bytes) => sum + bytes.length, 0),
    );
    let at = pointersBytes;
    for (const [i, bytes] of encoded.entries()) {
      block.view.setBigUint64(i * 8, BigInt(block.address + at), true);
      block.bytes.set(bytes, at);
      at += bytes.length;
    }
    return block;
  }
}

let shared: Libc | undefined;

/** libc, opened on first use.
 *  @throws HcrError `ffi-unavailable` */
export function libc(): Libc {
  shared ??= new Libc(openForeignLibrary());
  return shared;
}
