/** Lays rows out in aligned columns. */
import type { Look } from '../terminal/look.js';

const GAP = '  ';

function cutTo(text: string, columns: number, look: Look): string {
  if (text.length <= columns) return text;
  const mark = look.unicode ? '…' : '~';
  return `${text.slice(0, Math.max(0, columns - 1))}${mark}`;
}

/**
 * Lines of the table, `indent` before each. Empty columns vanish. On a terminal what does not fit
 * its width is cut at the end of the line.
 */
export function layOutTable(
  rows: readonly (readonly string[])[],
  look: Look,
  indent = '',
): string[] {
  const columns = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const widths = Array.from({ length: columns }, (_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0),
  );
  return rows.map((row) => {
    const cells = widths.flatMap((width, column) =>
      width === 0 ? [] : [(row[column] ?? '').padEnd(width)],
    );
    const line = `${indent}${cells.join(GAP)}`.trimEnd();
    return look.width === undefined ? line : cutTo(line, look.width, look);
  });
}
