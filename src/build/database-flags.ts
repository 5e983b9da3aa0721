/** Takes compiler and flags from the entry of compile_commands.json that fits the unit. */
import { HcrError, isHcrError } from '../core/failure.js';
import type { EntryHints } from './choose-entry.js';
import { type BuildUser, buildUserFor } from './build-user.js';
import { type ChosenFlags, chosenFlags, ranked } from './compilation-flags.js';
import {
  doubtAboutCommands,
  findCompileCommands,
  namedCompileCommands,
  readEntriesFor,
  writerOf,
} from './compile-commands.js';
import { isFile } from './file-kind.js';
import type { FlagAnswer, FlagQuestion, FoundFlags } from './found-flags.js';
import { trustedUsers } from './trusted-path.js';

function ask(
  path: string,
  sources: readonly string[],
  hints: EntryHints,
  user: BuildUser | undefined,
): ChosenFlags | string {
  return chosenFlags(
    (source) => readEntriesFor(path, source),
    sources,
    hints,
    runnerOf(path, user),
  );
}

/** With whose rights to run what stands in a file: with no more than who wrote it has.
 *  @param user with whose rights hcr builds, when not with its own
 *  @throws HcrError `build-user-denied` */
export function runnerOf(path: string, user: BuildUser | undefined): BuildUser | undefined {
  const writer = user === undefined ? writerOf(path) : undefined;
  return writer === undefined ? user : buildUserFor(writer);
}

/**
 * Asks the file that the user named.
 *
 * @param sources paths of the source to look for, the first that has an entry counts
 * @param user with whose rights hcr builds, when not with its own
 * @throws HcrError `usage` without such a file, `malformed-file`, `no-compile-command` when no entry
 * compiles any of the sources, `build-user-denied`
 */
export function flagsFromNamedDatabase(
  named: string,
  sources: readonly string[],
  hints: EntryHints,
  explanation: string[],
  user: BuildUser | undefined,
): FoundFlags {
  const path = namedCompileCommands(named);
  if (!isFile(path)) {
    throw new HcrError({
      code: 'usage',
      detail: `There is no ${path}.`,
      advice: 'Pass --compile-commands with the file or the folder that holds it.',
    });
  }
  const found = ask(path, sources, hints, user);
  if (typeof found === 'string')
    throw new HcrError({ code: 'no-compile-command', source: sources[0] ?? '', file: path });
  explanation.push(`flags from ${path}`, ...found.explanation);
  return found.flags;
}

/** Asks the files above the sources and in build folders, as far as they belong to somebody who
 *  decides anyway. */
export function askDatabases({
  sources,
  hints,
  folders,
  user,
}: FlagQuestion): readonly FlagAnswer[] {
  const users = trustedUsers(user?.uid);
  const builder = user?.uid ?? process.geteuid?.() ?? -1;
  const paths = new Set(sources.flatMap((source) => findCompileCommands(source, folders)));
  const asked = [...paths].map((path): [string, ChosenFlags | string] => {
    const doubt = doubtAboutCommands(path, users, builder);
    if (doubt !== undefined) return [path, `${doubt}; name it to use it`];
    try {
      return [path, ask(path, sources, hints, user)];
    } catch (error) {
      if (!isHcrError(error)) throw error;
      return [path, error.message];
    }
  });
  return ranked('compile_commands.json', asked);
}
