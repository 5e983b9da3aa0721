/**
 * Memory of the target. Data is read and written with process_vm_readv and process_vm_writev,
 * which respect page protections; code pages are not writable in the target, and are written
 * through /proc/pid/mem, which makes a private copy of the page as a debugger's breakpoint does.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { Addr, AddrRange, Pid } from '../core/address.js';
import { hex, offsetBy, tid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Memory } from '../core/memory.js';
import { ERRNO, type Libc, MAX_VECTORS, type NativeBuffer } from './libc.js';
import { hasThreadEnded } from './procfs.js';
import { vanished } from './vanished.js';

const CHUNK_BYTES = 1 << 20;

export class ProcessMemory implements Memory, Disposable {
  readonly pid: Pid;
  private readonly libc: Libc;
  private chunk: NativeBuffer;
  private memFile: number | undefined;

  constructor(libc: Libc, pid: Pid) {
    this.libc = libc;
    this.pid = pid;
    this.chunk = libc.allocate(65536);
  }

  read(address: Addr, lengthBytes: number): Uint8Array {
    const bytes = this.tryRead(address, lengthBytes);
    if (bytes === undefined) this.fail('read', address, lengthBytes);
    return bytes;
  }

  tryRead(address: Addr, lengthBytes: number): Uint8Array | undefined {
    const result = new Uint8Array(lengthBytes);
    return this.readInto(address, result) === lengthBytes ? result : undefined;
  }

  /** Fills `result` from the target as far as memory is mapped there.
   *  @returns bytes read
   *  @throws HcrError `target-exited` */
  readInto(address: Addr, result: Uint8Array): number {
    let done = 0;
    while (done < result.length) {
      const wanted = Math.min(result.length - done, CHUNK_BYTES);
      const got = this.libc.processVmReadv(this.pid, address + done, this.room(wanted), wanted);
      if (got === -ERRNO.EPERM) return this.readThroughFile(address, result);
      // Not to be taken for memory that is not mapped.
      if (got === -ERRNO.ESRCH) this.fail('read', address, result.length, ERRNO.ESRCH);
      if (got <= 0) break;
      result.set(this.chunk.bytes.subarray(0, got), done);
      done += got;
      if (got < wanted) break;
    }
    return done;
  }

  /**
   * Reads many ranges into memory of hcr's own, one after the other from `offset` on, with as few
   * calls as can be.
   * @returns false when not all of it could be read; what is there is then of no use
   */
  readMany(ranges: readonly AddrRange[], into: NativeBuffer, offset: number): boolean {
    let at = offset;
    for (let first = 0; first < ranges.length; first += MAX_VECTORS) {
      const some = ranges.slice(first, first + MAX_VECTORS);
      const wanted = some.reduce((sum, { start, end }) => sum + (end - start), 0);
      if (this.libc.processVmReadvMany(this.pid, some, into.address + at, wanted) !== wanted)
        return false;
      at += wanted;
    }
    return true;
  }

  /** process_vm_readv honours page protections; execute-only code is still readable this way. */
  private readThroughFile(address: Addr, result: Uint8Array): number {
    try {
      return readSync(this.openFile(), result, 0, result.length, address);
    } catch {
      return 0;
    }
  }

  /** Writes to pages that the target itself may write to. */
  writeData(address: Addr, bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) {
      const wanted = Math.min(bytes.length - done, CHUNK_BYTES);
      const { bytes: room } = this.room(wanted);
      room.set(bytes.subarray(done, done + wanted));
      const wrote = this.libc.processVmWritev(this.pid, address + done, this.chunk, wanted);
      if (wrote <= 0) this.fail('write', address, bytes.length, -wrote);
      done += wrote;
    }
  }

  /** Writes to pages that the target may only read or execute. */
  writeProtected(address: Addr, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const wrote = this.writeThroughFile(offsetBy(address, done), bytes.subarray(done));
      // The file stands for the memory that the process had when it was opened; that is gone.
      if (wrote === 0) throw this.programGone();
      done += wrote;
    }
  }

  private writeThroughFile(address: Addr, bytes: Uint8Array): number {
    try {
      return writeSync(this.openFile(), bytes, 0, bytes.length, address);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EIO') {
        throw new HcrError(
          {
            code: 'unsupported-target',
            pid: this.pid,
            detail: `its code pages cannot be written at ${hex(address)} (is proc_mem.force_override off?)`,
          },
          { cause: error },
        );
      }
      this.fail('write', address, bytes.length, undefined, error);
    }
  }

  /** Opens what `writeProtected` needs, so that nothing has to be opened while the target stands.
   *  @throws HcrError `attach-denied` */
  prepareProtectedWrites(): void {
    this.openFile();
  }

  /**
   * The file of a process's memory is of the program that ran when it was opened, and empty once that
   * is no more: after exec, or when another process has got the id.
   * @throws HcrError `target-replaced`, `target-exited`
   */
  assertSameProgram(): void {
    if (this.isOfNoProgram()) throw this.programGone();
  }

  private isOfNoProgram(): boolean {
    return this.memFile !== undefined && !isAlive(this.memFile);
  }

  private programGone(cause?: unknown): HcrError {
    return vanished(this.libc, this.pid, 'its memory is gone', cause);
  }

  private openFile(): number {
    if (this.memFile !== undefined) return this.memFile;
    try {
      this.memFile = openSync(`/proc/${this.pid}/mem`, 'r+');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // The second is of a process that exits: its memory is gone before its number is.
      if (code === 'ENOENT' || code === 'ESRCH')
        throw new HcrError({ code: 'no-such-process', pid: this.pid }, { cause: error });
      throw new HcrError(
        {
          code: 'attach-denied',
          pid: this.pid,
          reason: `its memory may not be opened (${code ?? String(error)})`,
          advice:
            'Run hcr as the user who owns the process, or as root; with CAP_SYS_PTRACE it needs CAP_DAC_OVERRIDE as well.',
        },
        { cause: error },
      );
    }
    return this.memFile;
  }

  private room(lengthBytes: number): NativeBuffer {
    if (this.chunk.bytes.length < lengthBytes) this.chunk = this.libc.allocate(lengthBytes);
    return this.chunk;
  }

  private fail(
    verb: string,
    address: Addr,
    lengthBytes: number,
    errno?: number,
    cause?: unknown,
  ): never {
    if (errno === ERRNO.ESRCH || hasThreadEnded(this.pid, tid(this.pid)) || this.isOfNoProgram())
      throw this.programGone(cause);
    throw new HcrError(
      {
        code: 'unexpected',
        detail: `could not ${verb} ${lengthBytes} bytes at ${hex(address)} of process ${this.pid}${
          errno === undefined ? '' : ` (errno ${errno})`
        }`,
      },
      { cause },
    );
  }

  [Symbol.dispose](): void {
    if (this.memFile !== undefined) closeSync(this.memFile);
    this.memFile = undefined;
  }
}

/** Whether the address space behind a file of memory exists; where nothing is mapped it says EIO. */
function isAlive(memFile: number): boolean {
  try {
    return readSync(memFile, new Uint8Array(1), 0, 1, 0) > 0;
  } catch {
    return true;
  }
}
