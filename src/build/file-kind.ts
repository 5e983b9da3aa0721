/** Asks what is at a path, for paths that come from a binary: any text, never an exception. */
import { realpathSync, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';

export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

export function isFile(path: string): boolean {
  return statOf(path)?.isFile() ?? false;
}

export function isDirectory(path: string): boolean {
  return statOf(path)?.isDirectory() ?? false;
}

/** The path without symbolic links; the absolute path as it is when nothing is there. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
