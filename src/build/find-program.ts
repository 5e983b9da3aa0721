/** Finds programs on PATH. */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Absolute path of `name`: as a path relative to `directory` when it holds a slash, else the first
 * on PATH. Relative entries of PATH are passed over, because compilers run in folders that the
 * target's binary names.
 */
export function findProgram(
  name: string,
  directory: string,
  path = process.env['PATH'] ?? '',
): string | undefined {
  if (name === '') return undefined;
  const candidates = name.includes('/')
    ? [resolve(directory, name)]
    : path.split(':').flatMap((folder) => (isAbsolute(folder) ? [join(folder, name)] : []));
  return candidates.find(isProgram);
}

/** Whether two paths lead to one file. */
export function isSameProgram(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}
