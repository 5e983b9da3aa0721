/** Takes compiler and flags from the entry of compile_commands.json that fits the unit. */
import { basename, resolve } from 'node:path';
import { HcrError } from '../core/failure.js';
import { chooseEntry, type EntryHints, outputOf } from './choose-entry.js';
import { sortCompileArguments } from './compile-arguments.js';
import { type BuildUser, buildUserFor } from './build-user.js';
import {
  type CompileEntry,
  doubtAboutCommands,
  findCompileCommands,
  namedCompileCommands,
  readEntriesFor,
  writerOf,
} from './compile-commands.js';
import { isFile, realPath } from './file-kind.js';
import { expandResponseFiles } from './response-file.js';
import { trustedUsers } from './trusted-path.js';

export interface DatabaseFlags {
  /** As the entry names it: a name on PATH, or a path relative to `directory`. */
  readonly compiler: string;
  readonly args: readonly string[];
  readonly directory: string;
  /** The source as the build names it, relative to `directory`. */
  readonly input?: string;
  /** With whose rights they are to be used, when not with those of hcr. */
  readonly user?: BuildUser;
}

/** Programs that run the compiler named after them. hcr runs the compiler itself. */
const LAUNCHERS = new Set(['ccache', 'sccache', 'distcc', 'icecc', 'buildcache', 'gomacc']);

function flagsOf(
  entry: CompileEntry,
  source: string,
  user: BuildUser | undefined,
): DatabaseFlags | undefined {
  const words = expandResponseFiles(entry.words, entry.directory, user?.uid);
  const skipped = LAUNCHERS.has(basename(words[0] ?? '')) ? 1 : 0;
  const compiler = words[skipped];
  if (compiler === undefined) return undefined;
  const { directory } = entry;
  const { flags, inputs } = sortCompileArguments(words.slice(skipped + 1));
  const input = inputs.find((name) => realPath(resolve(directory, name)) === realPath(source));
  return {
    compiler,
    args: flags,
    directory,
    ...(input === undefined ? {} : { input }),
    ...(user === undefined ? {} : { user }),
  };
}

function choose(
  path: string,
  sources: readonly string[],
  hints: EntryHints,
  explanation: string[],
  user: BuildUser | undefined,
): DatabaseFlags | undefined {
  const writer = user === undefined ? writerOf(path) : undefined;
  const runner = writer === undefined ? user : buildUserFor(writer);
  for (const source of sources) {
    const entries = readEntriesFor(path, source);
    const entry = chooseEntry(entries, hints);
    const flags = entry === undefined ? undefined : flagsOf(entry, source, runner);
    if (entry === undefined || flags === undefined) continue;
    explanation.push(`flags from ${path}`);
    if (entries.length > 1) {
      const chosen = outputOf(entry) ?? entry.directory;
      explanation.push(`it has ${entries.length} commands for ${source}; took that for ${chosen}`);
    }
    return flags;
  }
  return undefined;
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
): DatabaseFlags {
  const path = namedCompileCommands(named);
  if (!isFile(path)) {
    throw new HcrError({
      code: 'usage',
      detail: `There is no ${path}.`,
      advice: 'Pass --compile-commands with the file or the folder that holds it.',
    });
  }
  const flags = choose(path, sources, hints, explanation, user);
  if (flags !== undefined) return flags;
  throw new HcrError({ code: 'no-compile-command', source: sources[0] ?? '', file: path });
}

/** Asks the files above the sources that belong to somebody who decides anyway. Explains each that it
 *  passes over.
 *  @param user with whose rights hcr builds, when not with its own */
export function flagsFromFoundDatabase(
  sources: readonly string[],
  hints: EntryHints,
  explanation: string[],
  user: BuildUser | undefined,
): DatabaseFlags | undefined {
  const users = trustedUsers(user?.uid);
  const builder = user?.uid ?? process.geteuid?.() ?? -1;
  const paths = new Set(sources.flatMap((source) => findCompileCommands(source)));
  for (const path of paths) {
    const doubt = doubtAboutCommands(path, users, builder);
    if (doubt !== undefined) {
      explanation.push(`passed over ${path}: ${doubt}; name it to use it`);
      continue;
    }
    try {
      const flags = choose(path, sources, hints, explanation, user);
      if (flags !== undefined) return flags;
      explanation.push(`passed over ${path}: it has no command for ${sources[0] ?? 'the source'}`);
    } catch (error) {
      explanation.push(`passed over ${error instanceof Error ? error.message : path}`);
    }
  }
  return undefined;
}
