/** Turns a command of the build into flags, whoever told the command. */
import { resolve } from 'node:path';
import type { BuildUser } from './build-user.js';
import { type EntryHints, chooseEntry, outputOf } from './choose-entry.js';
import type { CompileEntry } from './compile-commands.js';
import { sortCompileArguments } from './compile-arguments.js';
import { unwrapCompiler } from './compiler-words.js';
import { isDirectory, realPath } from './file-kind.js';
import { findProgram } from './find-program.js';
import type { BuildOrigin, FlagAnswer, FoundFlags } from './found-flags.js';
import { expandResponseFiles } from './response-file.js';

export interface ChosenFlags {
  readonly flags: FoundFlags;
  /** How much speaks for the command. */
  readonly points: number;
  readonly explanation: readonly string[];
}

/**
 * The flags of the command that fits the program best.
 *
 * @param entriesFor the commands for a source, by its path
 * @param user with whose rights they are to be used, when not with those of hcr
 * @returns or why there are none, as the end of a sentence
 */
export function chosenFlags(
  entriesFor: (source: string) => readonly CompileEntry[],
  sources: readonly string[],
  hints: EntryHints,
  user: BuildUser | undefined,
): ChosenFlags | string {
  let reason = `it has no command for ${sources[0] ?? 'the source'}`;
  for (const source of sources) {
    const entries = entriesFor(source);
    const choice = chooseEntry(entries, hints);
    if (choice === undefined) continue;
    const { entry, why, points } = choice;
    const flags = flagsOf(entry, source, hints, user);
    if (typeof flags === 'string') {
      reason = flags;
      continue;
    }
    const chosen = outputOf(entry) ?? entry.directory;
    const explanation =
      entries.length === 1
        ? []
        : [`it has ${entries.length} commands for ${source}; took that for ${chosen}: ${why}`];
    return { flags, points, explanation };
  }
  return reason;
}

function flagsOf(
  entry: CompileEntry,
  source: string,
  { flags: live }: EntryHints,
  user: BuildUser | undefined,
): FoundFlags | string {
  const { directory } = entry;
  const words = expandResponseFiles(entry.words, directory, user?.uid);
  const unwrapped = unwrapCompiler(
    words,
    live.some((flag) => /^-f(pic|PIC)$/.test(flag)),
  );
  if (unwrapped === undefined) return `no compiler is seen in ${words.join(' ')}`;
  const { compiler, args } = unwrapped;
  const { flags, inputs } = sortCompileArguments(args);
  const input = inputs.find((name) => realPath(resolve(directory, name)) === realPath(source));
  return {
    compiler,
    args: flags,
    directory,
    ...(input === undefined ? {} : { input }),
    ...(user === undefined ? {} : { user }),
  };
}

/** Why a command that nobody named cannot be the program's, as the end of a sentence. */
function staleness({ compiler, directory }: FoundFlags): string | undefined {
  if (!isDirectory(directory)) return `its folder ${directory} is gone`;
  if (findProgram(compiler, directory) === undefined)
    return `its compiler ${compiler} is not there`;
  return undefined;
}

/** Answers for people who named nothing: that whose command fits the program best comes first, after
 *  all that are none. */
export function ranked(
  origin: BuildOrigin,
  asked: readonly (readonly [place: string, found: ChosenFlags | string])[],
): FlagAnswer[] {
  const none: FlagAnswer[] = [];
  const some: (FlagAnswer & ChosenFlags)[] = [];
  for (const [place, found] of asked) {
    const reason = typeof found === 'string' ? found : staleness(found.flags);
    if (typeof found === 'string' || reason !== undefined)
      none.push({ origin, place, reason: reason ?? '' });
    else some.push({ origin, place, ...found });
  }
  const [best, ...others] = some.toSorted((a, b) => b.points - a.points);
  if (best === undefined || others.length === 0) return [...none, ...some];
  const beside = `${others.map(({ place }) => place).join(', ')} ${others.length === 1 ? 'has' : 'have'} a command too, which fits the program less`;
  return [...none, { ...best, explanation: [...best.explanation, beside] }, ...others];
}
