/**
 * What a terminal has to be told so that it shows the next frame. Only lines that differ are written,
 * each at its own place: nothing flickers, nothing scrolls, and a line that the terminal measures
 * otherwise than hcr spoils no other.
 *
 * @see ECMA-48, 8.3.21 (CUP), 8.3.41 (EL), 8.3.39 (ED); synchronized output, DEC private mode 2026
 */
import stringWidth from 'string-width';

const BEGIN = '\u001b[?2026h';
const END = '\u001b[?2026l';
const PLAIN = '\u001b[0m';
const ERASE_REST = '\u001b[K';
const ERASE_BELOW = '\u001b[J';

const at = (line: number): string => `\u001b[${line + 1};1H`;

/** @param shown lines on the screen; undefined when nothing is known of it
 *  @returns nothing when the screen shows it already */
export function paintOver(
  shown: readonly string[] | undefined,
  next: readonly string[],
  { columns, rows }: { readonly columns: number; readonly rows: number },
): string {
  const changed = next.flatMap((line, i) =>
    shown?.[i] === line ? [] : [`${at(i)}${line}${PLAIN}${restOf(line, columns)}`],
  );
  const isLonger = shown === undefined || shown.length > next.length;
  // There is no line below the last to go to.
  const rest = isLonger && next.length < rows ? `${at(next.length)}${ERASE_BELOW}` : '';
  const painted = changed.join('') + rest;
  return painted === '' ? '' : BEGIN + painted + END;
}

/** Erasing at the end of a full line would take its last character. */
function restOf(line: string, columns: number): string {
  return stringWidth(line) < columns ? ERASE_REST : '';
}
