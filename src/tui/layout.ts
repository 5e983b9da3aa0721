/** Where things are on a screen of a given size, in columns and lines. */

export interface Pane {
  readonly columns: number;
  readonly lines: number;
}

export interface Layout {
  /** Whether the detail is beside the list, not below it. */
  readonly isWide: boolean;
  readonly columns: number;
  /** The list's lines under its heading. */
  readonly list: Pane;
  /** The detail's lines under its tabs. */
  readonly detail: Pane;
  /** Lines of the newest events; 0 when there is no room for them. */
  readonly eventLines: number;
}

const WIDE_COLUMNS = 130;
/** Title, search, headings, keys. */
const FIXED_LINES = 4;
const TABS_LINES = 1;

/** One line stays empty: a terminal scrolls, and Ink repaints everything, when the last is used. */
export function layOutScreen(columns: number, screenLines: number): Layout {
  const lines = Math.max(screenLines - 1, FIXED_LINES + TABS_LINES + 4);
  const eventLines = lines >= 22 ? 2 : lines >= 16 ? 1 : 0;
  const body = lines - FIXED_LINES - eventLines;
  const isWide = columns >= WIDE_COLUMNS;
  if (isWide) {
    const listColumns = Math.min(Math.floor(columns * 0.55), 110);
    return {
      isWide,
      columns,
      list: { columns: listColumns, lines: body },
      detail: { columns: columns - listColumns - 3, lines: body - TABS_LINES + 1 },
      eventLines,
    };
  }
  const listLines = Math.max(Math.ceil((body - TABS_LINES) / 2), 3);
  return {
    isWide,
    columns,
    list: { columns, lines: listLines },
    detail: { columns, lines: body - TABS_LINES - listLines },
    eventLines,
  };
}

/** The first of `count` things that a window of `lines` shows so that the cursor is in it, near the
 *  middle where it can be. */
export function windowTop(cursor: number, count: number, lines: number): number {
  const centred = cursor - Math.floor(lines / 2);
  return Math.max(Math.min(centred, count - lines), 0);
}
