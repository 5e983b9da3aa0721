/**
 * The source of what runs. A program does not have it: what hcr saw of a file before it was edited,
 * or when it made it live, is all there is. Where it saw neither, only the file as it is can be shown.
 */
import { readFileSync, statSync } from 'node:fs';
import { diffLines } from '../../core/line-diff.js';

/** Rows around a function. */
const LINES_BEFORE = 3;
const MAX_ROWS = 400;
/** More than this is no source but data. */
const MAX_BYTES = 4 << 20;

export interface SourceRow {
  readonly op: 'same' | 'changed' | 'removed' | 'added';
  /** Counted from 1 in the file as it is; absent for a line that is gone. */
  readonly line?: number;
  readonly old: string;
  readonly new: string;
}

export interface SourceView {
  readonly file: string;
  readonly rows: readonly SourceRow[];
  /** Whether the text that the running code was made of is known. */
  readonly isLiveKnown: boolean;
}

export class SourceTexts {
  private readonly original = new Map<string, string>();
  private live = new Map<string, string>();

  /** Remembers files that are not younger than the program.
   *  @param builtMs when that was written, in milliseconds since 1970 */
  remember(files: Iterable<string>, builtMs: number): void {
    for (const file of files) {
      if (this.original.has(file) || (modifiedMs(file) ?? Infinity) > builtMs) continue;
      const text = readText(file);
      if (text !== undefined) this.original.set(file, text);
    }
    for (const [file, text] of this.original) if (!this.live.has(file)) this.live.set(file, text);
  }

  /** What these files say now is what runs. */
  wentLive(files: Iterable<string>): void {
    for (const file of files) {
      const text = readText(file);
      if (text !== undefined) this.live.set(file, text);
    }
  }

  wentBackTo(generation: number): void {
    this.live = generation === 0 ? new Map(this.original) : new Map<string, string>();
  }

  /** @param line of the function in the source of what runs, counted from 1 */
  view(file: string, line: number): SourceView | undefined {
    const now = readText(file);
    if (now === undefined) return undefined;
    const live = this.live.get(file);
    const rows = live === undefined ? plainRows(now, line) : diffRows(live, now, line);
    return { file, rows, isLiveKnown: live !== undefined };
  }
}

function plainRows(text: string, line: number): SourceRow[] {
  const first = Math.max(line - 1 - LINES_BEFORE, 0);
  return text
    .split('\n')
    .slice(first, first + MAX_ROWS)
    .map((shown, i) => ({ op: 'same', line: first + i + 1, old: shown, new: shown }));
}

function diffRows(live: string, now: string, line: number): SourceRow[] {
  const [before, after] = [live, now].map((text) =>
    text.split('\n').map((shown) => ({ key: shown, text: shown })),
  );
  let [oldLine, newLine] = [0, 0];
  let first: number | undefined;
  const rows = diffLines(before ?? [], after ?? []).map((row, index): SourceRow => {
    if (row.op !== 'added') oldLine += 1;
    if (row.op !== 'removed') newLine += 1;
    if (oldLine >= line) first ??= index;
    return row.op === 'removed' ? row : { ...row, line: newLine };
  });
  const top = Math.max((first ?? 0) - LINES_BEFORE, 0);
  return rows.slice(top, top + MAX_ROWS);
}

function modifiedMs(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

function readText(file: string): string | undefined {
  try {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats?.isFile() !== true || stats.size > MAX_BYTES) return undefined;
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
