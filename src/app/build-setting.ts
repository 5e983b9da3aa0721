/** What a process itself decides of the way its code is compiled: where to look for sources, and
 *  with whose rights. */
import { readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { type BuildUser, buildUserFor } from '../build/build-user.js';
import { containmentOf } from '../ptrace/containment.js';
import { type Credentials, readProcessStatus } from '../ptrace/procfs.js';
import type { ProcessImage } from './observe.js';

export interface BuildSetting {
  /** Folders near which a moved source may lie. */
  readonly roots: readonly string[];
  /** Absent where hcr builds with its own rights. */
  readonly user?: BuildUser;
  /** Whether the program's paths are those of another root than hcr's. */
  readonly isForeign?: boolean;
}

/** @throws HcrError `build-user-denied` */
export function buildSettingOf(image: ProcessImage): BuildSetting {
  const user = buildUserFor(ownerOf(readProcessStatus(image.target.pid).credentials));
  return {
    roots: searchRoots(image),
    isForeign: isForeign(image),
    ...(user === undefined ? {} : { user }),
  };
}

/** A process that can take root's ids again is root's: who builds for it decides what root runs. */
export function ownerOf({ uids, gids, groups }: Credentials): BuildUser {
  const [uid = 0] = new Set(uids).size === 1 ? uids : [0];
  const [, gid = 0] = gids;
  return { uid, gid, groups };
}

function isForeign({ target }: ProcessImage): boolean {
  return !containmentOf(target.pid).sharesFiles;
}

/** Folders near which a moved source may lie. */
export function searchRoots(image: ProcessImage): string[] {
  // Its paths mean other files here; the user stands where the sources are.
  if (isForeign(image)) return [process.cwd()];
  const roots = [dirname(image.program)];
  try {
    roots.push(readlinkSync(`/proc/${image.target.pid}/cwd`));
  } catch {
    // Not ours to read: then only the executable's folder counts.
  }
  return roots;
}
