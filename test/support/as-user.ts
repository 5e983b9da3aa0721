/** Programs and files of other users, for tests that run as root. */
import { lchownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Without root a test can neither be another user nor be kept from one. */
export const IS_ROOT = process.getuid?.() === 0;

/** A user that every Debian system has, and who can do nothing. */
export const GAMES = { uid: 5, gid: 60, home: '/usr/games', name: 'games' } as const;
export const DAEMON = { uid: 1, gid: 1 } as const;

/** Words that start a program with a user's ids and nothing more. */
export function asUser(
  { uid, gid }: { readonly uid: number; readonly gid: number },
  ...more: readonly string[]
): string[] {
  const isGiven = (option: string): boolean => more.some((word) => word.startsWith(option));
  const groups = isGiven('--groups') ? [] : ['--clear-groups'];
  const capabilities = isGiven('--inh-caps') ? [] : ['--inh-caps=-all'];
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, ...groups, ...capabilities, ...more];
}

/** Gives a folder and everything in it to a user. */
export function giveTo(user: { readonly uid: number; readonly gid: number }, path: string): void {
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true }))
    lchownSync(join(entry.parentPath, entry.name), user.uid, user.gid);
  lchownSync(path, user.uid, user.gid);
}
