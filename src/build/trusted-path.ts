/**
 * Whether a path that somebody else named leads to what it led to when the program was built.
 *
 * Debug information names files by path. Where such a path goes through a folder that everybody may
 * write to, as /tmp, anybody may have put a file there since: it counts only when it belongs to a
 * user who decides anyway. Below /proc, files are whatever a process likes.
 *
 * @see path_resolution(7); inode(7) for the sticky bit
 */
import { type Stats, lstatSync, readlinkSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { MAX_LINKS, pathParts } from '../core/path-parts.js';
import { ownUid } from './build-user.js';
import { isDirectory } from './file-kind.js';

const WRITABLE_BY_ALL = 0o002;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
const OF_KERNEL = /^\/(proc|sys|dev)(\/|$)/;

/** Users whose files are taken without being named: root, hcr's own user, who called hcr through
 *  sudo, and for whom hcr builds. */
export function trustedUsers(builder: number | undefined): ReadonlySet<number> {
  const own = ownUid();
  const users = new Set([0, own, ...(builder === undefined ? [] : [builder])]);
  const caller = Number.parseInt(process.env['SUDO_UID'] ?? '', 10);
  if (own === 0 && caller > 0) users.add(caller);
  return users;
}

/** Why not to trust it, as the end of a sentence; undefined for a path that can be trusted, and for
 *  one that leads nowhere. */
export function doubtAbout(path: string, users: ReadonlySet<number>): string | undefined {
  for (const { here, stat, above } of stepsTo(path)) {
    if (OF_KERNEL.test(here)) return `${here} is no file of a disk`;
    if ((above.mode & WRITABLE_BY_ALL) === 0 || users.has(stat.uid)) continue;
    return `${here} belongs to user ${stat.uid}, in a folder where everybody may put files`;
  }
  return undefined;
}

/** Whether nobody but `users` can rename or replace anything on the way to this folder, or in it what
 *  is not his. */
export function isSafeFolder(path: string, users: ReadonlySet<number>): boolean {
  return (
    isDirectory(path) &&
    [...stepsTo(path)].every(
      ({ stat }) =>
        users.has(stat.uid) &&
        (stat.isSymbolicLink() ||
          (stat.mode & WRITABLE_BY_OTHERS) === 0 ||
          (stat.mode & STICKY) !== 0),
    )
  );
}

interface Step {
  readonly here: string;
  readonly stat: Stats;
  /** Of the folder that it is in. */
  readonly above: Stats;
}

/** Every file, folder and link that the kernel passes on its way, as far as there are any. Links are
 *  followed by their text, which those in /proc are not; but the way into it is among the steps. */
function* stepsTo(path: string): Generator<Step> {
  const left = pathParts(resolve(path));
  let at = '/';
  for (let links = 0; links <= MAX_LINKS; ) {
    const name = left.shift();
    if (name === undefined) return;
    const here = join(at, name);
    const above = statOf(at);
    const stat = statOf(here);
    if (above === undefined || stat === undefined) return;
    yield { here, stat, above };
    if (!stat.isSymbolicLink()) {
      at = here;
      continue;
    }
    links += 1;
    const target = readlinkSync(here);
    if (isAbsolute(target)) at = '/';
    left.unshift(...pathParts(target));
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}
