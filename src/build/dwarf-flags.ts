/** Puts the flags together that the program's own debug information records. */
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

/** @param trusted users whose folders are searched for headers */
export function flagsFromDwarf(
  producer: Producer,
  includeDirectories: readonly string[],
  located: LocatedSource,
  trusted: ReadonlySet<number>,
  explanation: string[],
): string[] {
  const { flags, dropped, standard, compiler, version } = producer;
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
