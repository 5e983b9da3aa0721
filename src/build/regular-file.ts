/**
 * Reads files whose path or content somebody else decides on: nothing but a regular file is opened,
 * no more is read than it may hold, and a named pipe keeps nobody waiting.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';

export interface ReadLimits {
  readonly maxBytes: number;
  /** The file must be this user's own, and no symbolic link: what a program left that ran as him. */
  readonly madeBy?: number;
}

/** The bytes, which are the caller's; undefined where there is no such file, or it is too large. */
export function readRegularFile(
  path: string,
  { maxBytes, madeBy }: ReadLimits,
): Buffer | undefined {
  let file: number | undefined;
  try {
    // To open a device can be enough to make it do something.
    if (!statSync(path).isFile()) return undefined;
    const link = madeBy === undefined ? 0 : constants.O_NOFOLLOW;
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | link);
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > maxBytes) return undefined;
    if (madeBy !== undefined && stat.uid !== madeBy) return undefined;
    return readUpTo(file, stat.size);
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function readUpTo(file: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let done = 0;
  while (done < sizeBytes) {
    const got = readSync(file, bytes, done, sizeBytes - done, done);
    if (got === 0) break;
    done += got;
  }
  return bytes.subarray(0, done);
}
