/** A folder for one compilation, which nobody else may enter and which does not stay. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HcrError } from '../core/failure.js';
import { type BuildUser, asBuildUser, ownUid } from './build-user.js';
import { isSafeFolder } from './trusted-path.js';

const READABLE_BY_ALL = 0o755;
/** What was killed may put another file there while its end is under way: about half a second in all. */
const UNTIL_DEAD = { maxRetries: 10, retryDelay: 10 };
const existing = new Set<ScratchDirectory>();

function removeAll(): void {
  for (const directory of existing) directory.remove();
}

/** Where users may make folders that others cannot replace.
 *  @see mkdtemp(3); inode(7) for the sticky bit of /tmp */
function temporaryFolder(user: BuildUser | undefined): string {
  // root's own folder for temporary files may be one that others cannot enter.
  const candidates = [...(user === undefined ? [tmpdir()] : []), '/tmp', '/var/tmp'];
  const users = new Set([0, ownUid()]);
  const found = candidates.find((folder) => isSafeFolder(folder, users));
  if (found !== undefined) return found;
  throw new HcrError({
    code: 'usage',
    detail: `Others can replace files in ${candidates.join(' and ')}.`,
    advice: 'Set TMPDIR to a folder that only you can write to.',
  });
}

/** Removed on disposal, and when hcr exits before that. */
export class ScratchDirectory implements Disposable {
  readonly path: string;
  private readonly user: BuildUser | undefined;

  /** @param user whose folder it is, when not hcr's own
   *  @param use whether the user writes to it, or only reads what hcr puts there
   *  @throws HcrError `usage` where others could replace it */
  constructor(user?: BuildUser, use: 'write' | 'read' = 'write') {
    this.user = use === 'write' ? user : undefined;
    // mkdtemp(3) makes it with mode 0700 under a name that was free.
    this.path = mkdtempSync(join(temporaryFolder(user), 'hcr-'));
    if (existing.size === 0) process.on('exit', removeAll);
    existing.add(this);
    if (this.user !== undefined) chownSync(this.path, this.user.uid, this.user.gid);
    else if (user !== undefined) chmodSync(this.path, READABLE_BY_ALL);
  }

  /** By the user to whom it belongs: he could put a link to files of others in its way. */
  remove(): void {
    if (this.user === undefined) {
      rmSync(this.path, { recursive: true, force: true, ...UNTIL_DEAD });
      return;
    }
    const { program, args, environment } = asBuildUser(this.user, {
      program: '/bin/rm',
      args: ['-rf', '--', this.path],
      directory: '/',
      environment: {},
    });
    spawnSync(program, args, { env: environment, cwd: '/', stdio: 'ignore' });
  }

  [Symbol.dispose](): void {
    existing.delete(this);
    if (existing.size === 0) process.off('exit', removeAll);
    this.remove();
  }
}
