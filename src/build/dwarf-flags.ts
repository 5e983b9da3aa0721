/** Puts the flags together that the program's own debug information records. */
import { PATH_VALUED } from './flag-allow-list.js';
import { includeFallback } from './include-fallback.js';
import type { DroppedFlag, Producer } from './producer-flags.js';
import type { LocatedSource } from './source-search.js';

function hasStandard(flags: readonly string[]): boolean {
  return flags.some((flag) => flag === '-ansi' || flag.startsWith('-std='));
}

/** Warnings change no code, so that nobody misses them. */
function worthTelling({ reason }: DroppedFlag): boolean {
  return reason !== 'warning';
}

interface FlagTrust {
  /** Users whose folders are searched for headers. */
  readonly trusted: ReadonlySet<number>;
  /** Whether the program's paths are those of another root than hcr's. */
  readonly isForeign: boolean;
}

const PATH_OPTION = /^-(I|isystem|iquote|idirafter|include|imacros)/;
const PLAIN_MACRO = /^-D\w+(=[\w.+-]*|="[\w .+-]*")?$/;

/** Without what could make a container's compilation read files of the machine: paths, which mean
 *  nothing here, and macros that are more than a word. */
function withoutPathsAndCode(flags: readonly string[], explanation: string[]): string[] {
  return flags.filter((flag, i) => {
    const isValue = PATH_VALUED.has(flags[i - 1] ?? '');
    const keep =
      !isValue && !PATH_OPTION.test(flag) && (!flag.startsWith('-D') || PLAIN_MACRO.test(flag));
    if (!keep && !isValue) explanation.push(`left out ${flag} (of a program with its own root)`);
    return keep;
  });
}

export function flagsFromDwarf(
  producer: Producer,
  includeDirectories: readonly string[],
  located: LocatedSource,
  { trusted, isForeign }: FlagTrust,
  explanation: string[],
): string[] {
  const { dropped, standard, compiler, version } = producer;
  const flags = isForeign ? withoutPathsAndCode(producer.flags, explanation) : producer.flags;
  const name = compiler === 'unknown' ? 'a compiler unknown to hcr' : `${compiler} ${version}`;
  explanation.push(
    flags.length > 0
      ? `flags from the debug information, written by ${name}`
      : `the debug information, written by ${name}, records no flags`,
  );
  for (const { flag, reason } of dropped.filter(worthTelling)) {
    explanation.push(`left out ${flag} (${reason})`);
  }
  const recordsPaths = flags.some((flag) => /^-[DI]/.test(flag));
  return [
    ...(standard === undefined || hasStandard(flags) ? [] : [standard]),
    ...flags,
    ...(recordsPaths ? [] : includeFallback(includeDirectories, located, trusted)),
  ];
}
