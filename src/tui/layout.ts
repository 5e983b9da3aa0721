/** Where things are on a screen of a given size, in columns and lines. */

export interface Pane {
  readonly columns: number;
  readonly lines: number;
}

export interface Layout {
  /** Whether the detail is beside the list, not below it. */
  readonly isWide: boolean;
  readonly columns: number;
  /** The list's lines under its heading; 0 when the detail has the screen. */
  readonly list: Pane;
  /** The detail's lines under its title. */
  readonly detail: Pane;
  /** List, detail and what lies over both, with all titles and headings. */
  readonly body: Pane;
  /** Lines of the newest events, their title not counted; 0 when there is no room for them. */
  readonly eventLines: number;
}

/** On less there is nothing to be seen. */
export const LEAST = { columns: 40, lines: 12 };
const WIDE_COLUMNS = 130;
/** Between list and detail. */
export const GAP_COLUMNS = 3;
/** The list needs no more; the detail has old and new side by side. */
const MOST_LIST_COLUMNS = 84;
const LIST_SHARE = 0.42;
/** The program, and the keys. */
const FIXED_LINES = 2;
/** The list's title and the headings of its columns. */
const LIST_HEADING = 2;
const TITLE = 1;

/** So many of the newest events are shown, on screens of so many lines and more. */
const EVENT_LINES = [
  { from: 40, shown: 6 },
  { from: 24, shown: 2 },
  { from: 16, shown: 1 },
];

function eventLinesOn(lines: number): number {
  return EVENT_LINES.find(({ from }) => lines >= from)?.shown ?? 0;
}

export function layOutScreen(
  screenColumns: number,
  screenLines: number,
  { isZoomed = false, hasEvents = true } = {},
): Layout {
  const columns = Math.max(screenColumns, LEAST.columns);
  const lines = Math.max(screenLines, LEAST.lines);
  const eventLines = hasEvents ? eventLinesOn(lines) : 0;
  const events = eventLines === 0 ? 0 : eventLines + TITLE;
  const body = { columns, lines: lines - FIXED_LINES - events };
  const common = { columns, body, eventLines };
  if (isZoomed) {
    const detail = { columns, lines: body.lines - TITLE };
    return { ...common, isWide: false, list: { columns, lines: 0 }, detail };
  }
  if (columns >= WIDE_COLUMNS) {
    const listColumns = Math.min(Math.floor(columns * LIST_SHARE), MOST_LIST_COLUMNS);
    return {
      ...common,
      isWide: true,
      list: { columns: listColumns, lines: body.lines - LIST_HEADING },
      detail: { columns: columns - listColumns - GAP_COLUMNS, lines: body.lines - TITLE },
    };
  }
  const free = body.lines - LIST_HEADING - TITLE;
  const listLines = Math.max(Math.floor(free / 2), 1);
  return {
    ...common,
    isWide: false,
    list: { columns, lines: listLines },
    detail: { columns, lines: free - listLines },
  };
}

/** The first of `count` things that a window of `lines` shows so that the cursor is in it, near the
 *  middle where it can be. */
export function windowTop(cursor: number, count: number, lines: number): number {
  const centred = cursor - Math.floor(lines / 2);
  return Math.max(Math.min(centred, count - lines), 0);
}
