/**
 * Whether git is writing files right now. A switch of branches that touches hundreds of them takes a
 * while, with gaps on a busy machine, and half of it is no version of anything.
 *
 * git holds `index.lock` from before it writes the first file until after the last.
 * @see gitrepository-layout(5); git's api-lockfile
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isDirectory, isFile, statOf } from './file-kind.js';

/** A lock that is older was left by a git that was killed, most likely. */
const STALE_MS = 30_000;

export class GitAtWork {
  /** By folder: where git keeps what it knows of the work tree that the folder is in. */
  private readonly repositories = new Map<string, string | undefined>();

  /** Whether it may be writing in the work trees of these files. */
  isWriting(files: Iterable<string>): boolean {
    const folders = new Set([...files].map((file) => dirname(file)));
    const repositories = new Set([...folders].map((folder) => this.repositoryOf(folder)));
    return [...repositories].some((path) => path !== undefined && isLocked(path));
  }

  private repositoryOf(folder: string): string | undefined {
    if (!this.repositories.has(folder)) this.repositories.set(folder, findRepository(folder));
    return this.repositories.get(folder);
  }
}

function findRepository(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, '.git');
    if (isDirectory(path)) return path;
    if (isFile(path)) return ofWorkTree(path);
    if (at === dirname(at)) return undefined;
  }
}

/** Of a submodule or a further work tree, which has a file that says where. */
function ofWorkTree(path: string): string | undefined {
  try {
    const target = /^gitdir: (.+)$/m.exec(readFileSync(path, 'utf8'))?.[1];
    return target === undefined ? undefined : resolve(dirname(path), target);
  } catch {
    return undefined;
  }
}

function isLocked(repository: string): boolean {
  const lock = statOf(join(repository, 'index.lock'));
  return lock !== undefined && Date.now() - lock.mtimeMs < STALE_MS;
}
