/**
 * Asks ninja for its compilation database, for build trees in which nobody wrote one: CMake's Ninja
 * generator without CMAKE_EXPORT_COMPILE_COMMANDS, gn, or a configure script of a project's own.
 *
 * `ninja -t compdb` loads build.ninja and prints; it runs no command and writes no file. With `-x` it
 * puts the content of response files in, which are there only while ninja builds.
 *
 * @see ninja manual, "Extra tools"
 */
import { dirname, resolve } from 'node:path';
import { findInBuildFolders } from './build-folders.js';
import { askUnnamed, doubtAboutBuildFile, trustOf } from './build-trust.js';
import type { BuildUser } from './build-user.js';
import { type ChosenFlags, chosenFlags, ranked } from './compilation-flags.js';
import { CommandList, type CompileEntry } from './compile-commands.js';
import { realPath } from './file-kind.js';
import { findProgram } from './find-program.js';
import type { FlagAnswer, FlagQuestion } from './found-flags.js';
import { readMakeOutput } from './make-output.js';
import { runProgramToEnd } from './process-group.js';
import { SharedAnswers } from './shared-answers.js';

const TIMEOUT_MS = 20_000;
const MAX_OUTPUT_BYTES = 256 << 20;
const NAMES = ['ninja', 'ninja-build', 'samu'];

/** A list, or why there is none. */
type Database = CommandList | string;
const databases = new SharedAnswers<Database>();

/** Asks each build.ninja above the sources and in build folders, as far as it belongs to somebody who
 *  decides anyway. */
export async function* askNinja(question: FlagQuestion): AsyncGenerator<FlagAnswer> {
  const starts = [...question.sources.map((source) => dirname(source)), ...question.folders];
  const asked: [string, ChosenFlags | string][] = [];
  for (const path of findInBuildFolders('build.ninja', starts))
    asked.push([path, await askOne(path, question)]);
  yield* ranked('ninja', asked);
}

function askOne(
  path: string,
  { sources, hints, user }: FlagQuestion,
): Promise<ChosenFlags | string> {
  const doubt = doubtAboutBuildFile(path, trustOf(user));
  return askUnnamed(path, doubt, user, async (runner) => {
    const key = `${runner?.uid} ${path}`;
    const database = await databases.get(key, [path], () => databaseOf(path, runner));
    return typeof database === 'string'
      ? database
      : chosenFlags((source) => compilationsOf(database, source), sources, hints, runner);
  });
}

/** ninja lists whatever takes a file, by lines for the shell: custom commands and tools as well. */
function compilationsOf(database: CommandList, source: string): CompileEntry[] {
  const wanted = realPath(source);
  return database.entriesFor(source).flatMap(({ line = '', directory, output }) =>
    readMakeOutput(line, directory)
      .entries.filter((entry) => realPath(resolve(entry.directory, entry.file)) === wanted)
      .map((entry) => ({ ...entry, ...(output === undefined ? {} : { output }) })),
  );
}

async function databaseOf(path: string, user: BuildUser | undefined): Promise<Database> {
  const directory = dirname(path);
  const ninja = NAMES.map((name) => findProgram(name, '/')).find((found) => found !== undefined);
  if (ninja === undefined) return 'ninja is not installed';
  const { exitCode, stdout, stderr } = await runProgramToEnd({
    program: ninja,
    args: ['-t', 'compdb', '-x'],
    directory,
    environment: { LC_ALL: 'C', NINJA_STATUS: undefined },
    timeoutMs: TIMEOUT_MS,
    maxOutputBytes: MAX_OUTPUT_BYTES,
    ...(user === undefined ? {} : { user }),
  });
  if (exitCode === null) return `ninja -t compdb took over ${TIMEOUT_MS / 1000} s`;
  if (exitCode !== 0)
    return `ninja -t compdb ended with code ${exitCode}: ${stderr.trim().slice(0, 200)}`;
  return new CommandList(stdout, path);
}
