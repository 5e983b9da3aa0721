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

function score(entry: CompileEntry, hints: EntryHints): number {
  const output = outputOf(entry);
  const folder = realPath(entry.directory);
  let points = 0;
  if (hints.flags.length > 0 && levelOf(entry.words) === levelOf(hints.flags)) points += 8;
  if (hints.compDir !== undefined && folder === realPath(hints.compDir)) points += 4;
  if (hints.near.some((root) => (output ?? folder).startsWith(`${resolve(root)}${sep}`)))
    points += 3;
  if (entry.file === hints.name) points += 2;
  return points;
}

/** The entry that fits the live program best; the first of those that fit equally. */
export function chooseEntry(
  entries: readonly CompileEntry[],
  hints: EntryHints,
): CompileEntry | undefined {
  let best: { readonly entry: CompileEntry; readonly points: number } | undefined;
  for (const entry of entries) {
    const points = score(entry, hints);
    if (best === undefined || points > best.points) best = { entry, points };
  }
  return best?.entry;
}
