/** Takes compiler and flags from the entry of compile_commands.json that fits the unit. */
import { HcrError } from '../core/failure.js';
import { askUnnamed, doubtAboutCommands, runnerOf, trustOf } from './build-trust.js';
import type { BuildUser } from './build-user.js';
import { type ChosenFlags, chosenFlags, ranked } from './compilation-flags.js';
import { findCompileCommands, namedCompileCommands, readEntriesFor } from './compile-commands.js';
import { isFile } from './file-kind.js';
import type { FlagAnswer, FlagQuestion, FoundFlags } from './found-flags.js';

function ask(
  path: string,
  { sources, hints }: FlagQuestion,
  runner: BuildUser | undefined,
): ChosenFlags | string {
  return chosenFlags((source) => readEntriesFor(path, source), sources, hints, runner);
}

/**
 * Asks the file that the user named.
 *
 * @param explanation gets what was found, and where
 * @throws HcrError `usage` without such a file, `malformed-file`, `no-compile-command` when no entry
 * compiles any of the sources, `build-user-denied`
 */
export function flagsFromNamedDatabase(
  named: string,
  question: FlagQuestion,
  explanation: string[],
): FoundFlags {
  const path = namedCompileCommands(named);
  if (!isFile(path)) {
    throw new HcrError({
      code: 'usage',
      detail: `There is no ${path}.`,
      advice: 'Pass --compile-commands with the file or the folder that holds it.',
    });
  }
  const found = ask(path, question, runnerOf(path, question.user));
  if (typeof found === 'string')
    throw new HcrError({
      code: 'no-compile-command',
      source: question.sources[0] ?? '',
      file: path,
    });
  explanation.push(`flags from ${path}`, ...found.explanation);
  return found.flags;
}

/** Asks the files above the sources and in build folders, as far as they belong to somebody who
 *  decides anyway. */
export async function* askDatabases(question: FlagQuestion): AsyncGenerator<FlagAnswer> {
  const { sources, folders, user } = question;
  const trust = trustOf(user);
  const asked: [string, ChosenFlags | string][] = [];
  for (const path of new Set(sources.flatMap((source) => findCompileCommands(source, folders)))) {
    const doubt = doubtAboutCommands(path, trust);
    const advised = doubt === undefined ? undefined : `${doubt}; name it to use it`;
    const found = await askUnnamed(path, advised, user, (runner) => ask(path, question, runner));
    asked.push([path, found]);
  }
  yield* ranked('compile_commands.json', asked);
}
