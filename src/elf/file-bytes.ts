/**
 * Bytes of a file that are fetched when they are asked for. An executable with debug information
 * can be a hundred megabytes of which a few kilobytes matter, so nothing here reads a file whole.
 */
import { type Stats, closeSync, fstatSync, readSync } from 'node:fs';
import { malformed } from './malformed.js';
import { openRegularFile } from './open-in-root.js';

/** More than this is never fetched, mapped out or inflated in one piece. */
export const MAX_READ_BYTES = 0x40000000;

export interface FileBytes {
  readonly sizeBytes: number;
  /**
   * Exactly `lengthBytes` bytes from `offset`, both in bytes. The caller may keep them but not
   * write them: they can be a view on the reader's own bytes.
   * @throws HcrError `malformed-file` when the file ends before, or above {@link MAX_READ_BYTES}
   */
  read(offset: number, lengthBytes: number): Uint8Array;
}

function checkRange(what: string, sizeBytes: number, offset: number, lengthBytes: number): void {
  const wellFormed =
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(lengthBytes) &&
    offset >= 0 &&
    lengthBytes >= 0;
  if (!wellFormed || offset + lengthBytes > sizeBytes) {
    throw malformed(what, `needs ${lengthBytes} bytes at offset ${offset} but has ${sizeBytes}`);
  }
  if (lengthBytes > MAX_READ_BYTES) {
    throw malformed(what, `${lengthBytes} bytes at offset ${offset} are too many to read at once`);
  }
}

/** @param bytes borrowed: reads are views on them. @param what names them in error messages. */
export function bytesInMemory(bytes: Uint8Array, what = 'bytes in memory'): FileBytes {
  return {
    sizeBytes: bytes.length,
    read(offset, lengthBytes) {
      checkRange(what, bytes.length, offset, lengthBytes);
      return bytes.subarray(offset, offset + lengthBytes);
    },
  };
}

/** A file held open by its descriptor: it stays the same file when its path is replaced. */
class OpenFile implements FileBytes, Disposable {
  readonly sizeBytes: number;
  private readonly what: string;
  private descriptor: number | undefined;

  constructor(descriptor: number, sizeBytes: number, what: string) {
    this.descriptor = descriptor;
    this.sizeBytes = sizeBytes;
    this.what = what;
  }

  read(offset: number, lengthBytes: number): Uint8Array {
    checkRange(this.what, this.sizeBytes, offset, lengthBytes);
    if (this.descriptor === undefined) throw malformed(this.what, 'read after it was closed');
    const bytes = new Uint8Array(lengthBytes);
    let done = 0;
    while (done < lengthBytes) {
      const got = readSync(this.descriptor, bytes, done, lengthBytes - done, offset + done);
      if (got === 0) throw malformed(this.what, `was cut short at offset ${offset + done}`);
      done += got;
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    if (this.descriptor === undefined) return;
    closeSync(this.descriptor);
    this.descriptor = undefined;
  }
}

/** A file that is opened for each read: for those of which there are too many to hold open. */
class ReopenedFile implements FileBytes {
  readonly sizeBytes: number;
  private readonly path: string;
  private readonly identity: string;

  constructor(path: string, stat: Stats) {
    this.path = path;
    this.sizeBytes = stat.size;
    this.identity = identityOf(stat);
  }

  read(offset: number, lengthBytes: number): Uint8Array {
    const { descriptor, stat } = openRegular(this.path);
    using file = new OpenFile(descriptor, stat.size, this.path);
    if (identityOf(stat) !== this.identity) throw malformed(this.path, 'was replaced while read');
    return file.read(offset, lengthBytes);
  }
}

function identityOf({ dev, ino, size, mtimeMs }: Stats): string {
  return `${dev} ${ino} ${size} ${mtimeMs}`;
}

/**
 * As {@link openFile}, without keeping it open; a file that is replaced ends in a failure.
 * @throws HcrError `malformed-file` when it cannot be opened or is no regular file
 */
export function reopenFile(path: string): FileBytes {
  const { descriptor, stat } = openRegular(path);
  closeSync(descriptor);
  return new ReopenedFile(path, stat);
}

/**
 * Opens a regular file. The path may be one of `/proc/<pid>/exe` or `/proc/<pid>/map_files/`.
 * @throws HcrError `malformed-file` when it cannot be opened or is no regular file; `cause` has the
 *   reason
 */
export function openFile(path: string): FileBytes & Disposable {
  const { descriptor, stat } = openRegular(path);
  return new OpenFile(descriptor, stat.size, path);
}

function openRegular(path: string): { readonly descriptor: number; readonly stat: Stats } {
  let descriptor: number | undefined;
  try {
    descriptor = openRegularFile(path);
  } catch (cause) {
    throw malformed(path, `cannot be opened (${cause instanceof Error ? cause.message : ''})`, {
      cause,
    });
  }
  if (descriptor === undefined) throw malformed(path, 'is no regular file');
  return { descriptor, stat: fstatSync(descriptor) };
}
