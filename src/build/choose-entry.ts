/**
 * Chooses among several commands for one file: configurations in one tree, or a file that is part
 * of several programs. What the live program says of itself decides.
 */
import { resolve, sep } from 'node:path';
import type { CompileEntry } from './compile-commands.js';
import { realPath } from './file-kind.js';

export interface EntryHints {
  /** `DW_AT_name`, as the compiler was given it. */
  readonly name?: string;
  /** `DW_AT_comp_dir`. */
  readonly compDir?: string;
  /** Flags recorded in the program. */
  readonly flags: readonly string[];
  /** Where the program and what belongs to it lie. */
  readonly near: readonly string[];
}

/** The optimisation level that counts is the last one; none is -O0. */
function levelOf(words: readonly string[]): string {
  const level = words.findLast((word) => /^-O([0-9]|s|z|g|fast)?$/.test(word)) ?? '-O0';
  return level === '-O' ? '-O1' : level;
}

export function outputOf(entry: CompileEntry): string | undefined {
  const flag = entry.words.indexOf('-o');
  const output = entry.output ?? (flag < 0 ? undefined : entry.words[flag + 1]);
  return output === undefined ? undefined : resolve(entry.directory, output);
}

function hasNoOtherFlags(words: readonly string[], live: readonly string[]): boolean {
  return shapingFlags(words).every((word) => live.includes(word));
}

function shapingFlags(words: readonly string[]): string[] {
  return words.filter((word) => /^-[fm]/.test(word));
}

/** What speaks for an entry, where it applies. */
type Agreement = readonly [applies: boolean, points: number, why: string];

/** What agrees with the program, and its name. */
function agreements(entry: CompileEntry, hints: EntryHints): readonly Agreement[] {
  const { words, file } = entry;
  const { flags, compDir, near, name } = hints;
  const folder = realPath(entry.directory);
  const object = realPath(outputOf(entry) ?? folder);
  const level = levelOf(flags);
  const recordsFlags = flags.length > 0;
  const all: readonly Agreement[] = [
    [recordsFlags && levelOf(words) === level, 8, `it has the program's ${level}`],
    [
      recordsFlags && hasNoOtherFlags(words, flags),
      2 + shapingFlags(words).length / 100,
      "all its -f and -m are the program's",
    ],
    [compDir !== undefined && folder === realPath(compDir), 4, 'the compiler ran in its folder'],
    [
      near.some((root) => object.startsWith(`${realPath(root)}${sep}`)),
      3,
      'its object lies with the program',
    ],
    [file === name, 2, 'it names the source as the program does'],
  ];
  return all.filter(([applies]) => applies);
}

export interface EntryChoice {
  readonly entry: CompileEntry;
  /** What speaks for it, for people. */
  readonly why: string;
  /** How much speaks for it. */
  readonly points: number;
}

/** The entry that fits the live program best; the first of those that fit equally. */
export function chooseEntry(
  entries: readonly CompileEntry[],
  hints: EntryHints,
): EntryChoice | undefined {
  let best: EntryChoice | undefined;
  for (const entry of entries) {
    const found = agreements(entry, hints);
    const points = found.reduce((sum, [, each]) => sum + each, 0);
    if (best !== undefined && points <= best.points) continue;
    const why = found.map(([, , text]) => text).join(', ') || 'it is the first';
    best = { entry, why, points };
  }
  return best;
}
