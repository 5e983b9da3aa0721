/**
 * Whether two producers, as debug information records them, would make the same code: the compiler,
 * its version, and the flags that shape code.
 *
 * @see GCC manual, "Option Summary"
 */
import { type Producer, parseProducer } from './producer-flags.js';

export interface ProducerDifference {
  /** True when another compiler, or another version of it. */
  readonly compiler: boolean;
  /** Flags of the program that the new object was not compiled with. */
  readonly missing: readonly string[];
  /** Flags of the new object that the program was not compiled with. */
  readonly added: readonly string[];
}

/** What decides nothing about the code, or what hcr sets itself. */
const NO_MATTER = new RegExp(
  '^-(g|W|w$|I|i(nclude|system|quote|dirafter|macros)|std=|ansi$|pipe$|pthread$|pedantic|save-temps|' +
    'f(no-)?(function-sections|data-sections|debug|emit-(class|struct)-debug|var-tracking|diagnostics|' +
    'eliminate-unused-debug|color-diagnostics|' +
    'message-length|max-errors|lto|fat-lto|use-ld|use-linker-plugin|file-prefix-map|macro-prefix-map|' +
    'random-seed|record-gcc-switches|verbose-asm|checking|live-patching|time-report|permissive|' +
    'emit-class-debug-always|standalone-debug|limit-debug-info|eliminate-unused-debug|' +
    'asynchronous-unwind-tables|unwind-tables|profile-(generate|arcs)|test-coverage|dump)|' +
    '-coverage$|coverage$|resource-dir)',
);

/** What a flag sets; of several with one key the last counts. */
function keyOf(flag: string): string {
  if (/^-O/.test(flag)) return '-O';
  if (/^-f(no-)?pi[ce]$/i.test(flag)) return '-fpic';
  const name = /^(--?[A-Za-z][\w+-]*(?:=[\w-]+(?==))?)/.exec(flag)?.[1] ?? flag;
  if (/^-D|^-U/.test(flag)) return `-D${name.slice(2)}`;
  return name.replace(/^-([fm])no-/, '-$1');
}

function settingsOf({ flags, dropped }: Producer): Map<string, string> {
  const settings = new Map<string, string>();
  for (const flag of [...flags, ...dropped.map((each) => each.flag)]) {
    if (!/^-(?:[OfmDU]|-param)/.test(flag) || NO_MATTER.test(flag)) continue;
    settings.set(keyOf(flag), flag === '-O' ? '-O1' : flag);
  }
  if (!settings.has('-O')) settings.set('-O', '-O0');
  return settings;
}

/** clang records flags only when told to; gcc always does. */
function recordsFlags({ compiler, flags, dropped }: Producer): boolean {
  return compiler === 'gcc' || flags.length + dropped.length > 0;
}

/** @param live,compiled `DW_AT_producer` of the program's unit and of the new object's */
export function compareProducers(live: string, compiled: string): ProducerDifference {
  const [before, after] = [parseProducer(live), parseProducer(compiled)];
  const compiler = before.compiler !== after.compiler || before.version !== after.version;
  // Flags of different compilers do not compare.
  if (before.compiler !== after.compiler || !recordsFlags(before) || !recordsFlags(after))
    return { compiler, missing: [], added: [] };
  const [old, now] = [settingsOf(before), settingsOf(after)];
  return {
    compiler,
    missing: [...old].filter(([key, flag]) => now.get(key) !== flag).map(([, flag]) => flag),
    added: [...now].filter(([key, flag]) => old.get(key) !== flag).map(([, flag]) => flag),
  };
}

/** Flags that shape code and that the program was not compiled with, as far as its compiler records
 *  that. What it does record may stand for the compiler's defaults. */
export function flagsNotOf(live: Producer, flags: readonly string[]): string[] {
  if (live.compiler !== 'gcc') return [];
  const old = settingsOf(live);
  return [...settingsOf({ ...live, flags, dropped: [] })].flatMap(([key, flag]) =>
    key.startsWith('-D') || old.get(key) === flag ? [] : [flag],
  );
}

/** The differences that remain when some flags were chosen on purpose. */
export function withoutChosen(
  difference: ProducerDifference,
  chosen: readonly string[],
): ProducerDifference {
  const keys = new Set(chosen.map(keyOf));
  const keeps = (flag: string): boolean => !keys.has(keyOf(flag));
  return {
    ...difference,
    missing: difference.missing.filter(keeps),
    added: difference.added.filter(keeps),
  };
}

/** `GNU C17 12.2.0` without the flags, for people. */
export function compilerText(producer: string): string {
  return /^.*?(?= -|$)/.exec(producer)?.[0] ?? producer;
}
