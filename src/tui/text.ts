/** Text as columns of a terminal: wide characters take two, control characters none. */
import cliTruncate from 'cli-truncate';
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';
import { printableCells } from '../terminal/printable.js';

const NOT_ASCII = /[^\u0000-\u007f]/gu;
/** What hcr itself writes, and its nearest likeness. */
const ASCII: ReadonlyMap<string, string> = new Map([
  ['…', '~'],
  ['·', '.'],
  ['µ', 'u'],
  ['’', "'"],
]);

/** Exactly `columns` wide: padded with blanks, or cut with a mark. */
export function fit(text: string, columns: number, side: 'left' | 'right' = 'left'): string {
  if (columns <= 0) return '';
  const shown = printableCells(text);
  const width = stringWidth(shown);
  if (width > columns) {
    let cut = cliTruncate(shown, columns);
    // A character of two columns may stick out by one.
    if (stringWidth(cut) > columns) cut = cliTruncate(shown, columns - 1);
    return cut + ' '.repeat(Math.max(columns - stringWidth(cut), 0));
  }
  const blanks = ' '.repeat(columns - width);
  return side === 'left' ? shown + blanks : blanks + shown;
}

/** A path or a place in one, of which the end says more than the beginning. */
export function fitEnd(text: string, columns: number): string {
  const shown = printableCells(text);
  if (stringWidth(shown) <= columns) return fit(shown, columns);
  return fit(cliTruncate(shown, columns, { position: 'start' }), columns);
}

/** The same text, as wide, for a terminal that knows ASCII only. */
export function asciiCells(text: string): string {
  return text.replace(NOT_ASCII, (char) => ASCII.get(char) ?? '?'.repeat(stringWidth(char)));
}

/** Lines of at most `columns`, broken between words. */
export function wrap(text: string, columns: number): string[] {
  return text
    .split('\n')
    .flatMap((line) =>
      wrapAnsi(printableCells(line), Math.max(columns, 1), { hard: true }).split('\n'),
    );
}

/** Columns that a text takes. */
export function widthOf(text: string): number {
  return stringWidth(printableCells(text));
}
