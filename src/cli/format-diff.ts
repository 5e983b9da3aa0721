/** Old code against new: side by side on a wide terminal, else one under the other. */
import type { PatchedFunction } from '../app/report.js';
import { type Look, paint } from '../terminal/look.js';

type DiffRow = NonNullable<PatchedFunction['diff']>[number];

/** From here on two columns fit. */
const WIDE_COLUMNS = 100;
/** Unchanged lines shown around a change. */
const CONTEXT_LINES = 3;

const MARK = { same: ' ', changed: '|', removed: '<', added: '>' } as const;

export function formatDiff(rows: readonly DiffRow[], look: Look): string[] {
  const shown = nearChanges(rows);
  return look.width !== undefined && look.width >= WIDE_COLUMNS
    ? sideBySide(shown, look, look.width)
    : unified(shown, look);
}

/** Undefined stands for lines left out. */
function nearChanges(rows: readonly DiffRow[]): (DiffRow | undefined)[] {
  const near = rows.map((_, i) =>
    rows
      .slice(Math.max(0, i - CONTEXT_LINES), i + CONTEXT_LINES + 1)
      .some(({ op }) => op !== 'same'),
  );
  return rows.flatMap((row, i) => {
    if (near[i] === true) return [row];
    return i === 0 || near[i - 1] === true ? [undefined] : [];
  });
}

function sideBySide(rows: readonly (DiffRow | undefined)[], look: Look, width: number): string[] {
  const column = Math.floor((width - 7) / 2);
  const fit = (text: string): string => text.slice(0, column).padEnd(column);
  return rows.map((row) => {
    if (row === undefined) return '    ...';
    const [old, now] = [fit(row.old), row.new.slice(0, column)];
    const mark = MARK[row.op];
    if (row.op === 'same') return `    ${old} ${mark} ${now}`;
    return `    ${paint(look, 'red', old)} ${mark} ${paint(look, 'green', now)}`;
  });
}

function unified(rows: readonly (DiffRow | undefined)[], look: Look): string[] {
  const lines: string[] = [];
  const [removed, added]: [string[], string[]] = [[], []];
  const flush = (): void => {
    lines.push(...removed.map((text) => paint(look, 'red', `    - ${text}`)));
    lines.push(...added.map((text) => paint(look, 'green', `    + ${text}`)));
    removed.length = 0;
    added.length = 0;
  };
  for (const row of rows) {
    if (row !== undefined && row.op !== 'same') {
      if (row.op !== 'added') removed.push(row.old);
      if (row.op !== 'removed') added.push(row.new);
      continue;
    }
    flush();
    lines.push(row === undefined ? '    ...' : `      ${row.new}`);
  }
  flush();
  return lines;
}
