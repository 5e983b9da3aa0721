/**
 * Which files of a build are believed, and with whose rights.
 *
 * A compile_commands.json, a build.ninja or a makefile names programs to run. One that was found, not
 * named, counts only when it belongs to root, to hcr's user or to whom hcr builds for: the path that
 * leads to it comes from the target's binary. Named or found, its commands get no more rights than who
 * wrote it has.
 */
import { lstatSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isHcrError } from '../core/failure.js';
import { type BuildUser, buildUserFor, ownUid, userOfAccount } from './build-user.js';
import { realPath } from './file-kind.js';
import { doubtAbout, trustedUsers } from './trusted-path.js';

const WRITABLE_BY_ALL = 0o002;
const READABLE_BY_ALL = 0o004;

export interface BuildTrust {
  /** Whose files count. */
  readonly users: ReadonlySet<number>;
  /** With whose rights their commands would be run. */
  readonly builder: number;
}

/** @param user with whose rights hcr builds, when not with its own */
export function trustOf(user: BuildUser | undefined): BuildTrust {
  return { users: trustedUsers(user?.uid), builder: user?.uid ?? ownUid() };
}

/** Why not to run commands in this file without the user having named it, as the end of a sentence;
 *  undefined when there is no doubt. */
export function doubtAboutCommands(
  path: string,
  { users, builder }: BuildTrust,
): string | undefined {
  let stats: readonly Stats[];
  try {
    stats = [lstatSync(path), statSync(path)];
  } catch {
    return 'it is gone';
  }
  const stranger = stats.find(({ uid }) => !users.has(uid));
  if (stranger !== undefined) return `it belongs to user ${stranger.uid}`;
  const [, file] = stats;
  if (file === undefined || (file.mode & WRITABLE_BY_ALL) !== 0) return 'everybody may write to it';
  const mayRead = builder === 0 || builder === file.uid || (file.mode & READABLE_BY_ALL) !== 0;
  if (!mayRead) return `user ${builder}, as whom hcr builds, may not read it`;
  return doubtAbout(path, users);
}

/** Why not to have a build tool read this file, as the end of a sentence: it can name programs to run,
 *  and take in whatever else lies in its folder. */
export function doubtAboutBuildFile(path: string, trust: BuildTrust): string | undefined {
  const doubt = doubtAboutCommands(path, trust);
  if (doubt !== undefined) return doubt;
  const { uid, mode } = statSync(dirname(realPath(path)));
  if (!trust.users.has(uid)) return `its folder belongs to user ${uid}`;
  return (mode & WRITABLE_BY_ALL) === 0 ? undefined : 'everybody may write to its folder';
}

/** With whose rights to run what stands in a file: with no more than who wrote it has.
 *  @param user with whose rights hcr builds, when not with its own
 *  @throws HcrError `build-user-denied` */
export function runnerOf(path: string, user: BuildUser | undefined): BuildUser | undefined {
  const writer = user === undefined ? writerOf(path) : undefined;
  return writer === undefined ? user : buildUserFor(writer);
}

/** Whose commands root is about to run, when they are not root's own. */
function writerOf(path: string): BuildUser | undefined {
  if (ownUid() !== 0) return undefined;
  const { uid, gid } = statSync(path);
  return uid === 0 ? undefined : userOfAccount(uid, gid);
}

/**
 * What a file of the build answers. One that nobody named may be none of the program's, so that
 * whatever speaks against it is an answer too.
 *
 * @param doubt why not to ask it
 * @param user with whose rights hcr builds, when not with its own
 * @param ask gets with whose rights to run what stands in the file
 * @returns or why there is no answer, as the end of a sentence
 */
export async function askUnnamed<Answer>(
  path: string,
  doubt: string | undefined,
  user: BuildUser | undefined,
  ask: (runner: BuildUser | undefined) => Answer | string | Promise<Answer | string>,
): Promise<Answer | string> {
  if (doubt !== undefined) return doubt;
  try {
    return await ask(runnerOf(path, user));
  } catch (error) {
    if (!isHcrError(error)) throw error;
    return error.message;
  }
}
