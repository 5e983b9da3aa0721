/** Changes of the cockpit that several actions have in common. */
import { request } from './outbox.js';
import { type Cockpit, type LogEntry, type Overlay, selectedRow } from './state.js';
import { visibleRows } from './visible-rows.js';

/** As many are kept as somebody may scroll back to. */
const MAX_LOG = 1000;

/** Changes what decides which rows are visible; the cursor stays on its function if it can. */
export function withRows(
  cockpit: Cockpit,
  change: Partial<Pick<Cockpit, 'rows' | 'marks' | 'filter' | 'query'>>,
): Cockpit {
  const key = selectedRow(cockpit)?.key;
  const changed = { ...cockpit, ...change };
  const visible = visibleRows(changed);
  const kept = visible.findIndex((index) => changed.rows[index]?.key === key);
  const last = Math.max(visible.length - 1, 0);
  const cursor = kept >= 0 ? kept : Math.min(cockpit.cursor.functions, last);
  return { ...changed, visible, cursor: { ...cockpit.cursor, functions: cursor } };
}

/** While typing, the best hit is the one that is meant. */
export function searchFor(cockpit: Cockpit, query: string): Cockpit {
  const found = withRows(cockpit, { query });
  return inspectSelected({
    ...found,
    detailTop: 0,
    cursor: { ...found.cursor, functions: 0 },
  });
}

/** Asks for the details of the function that the cursor is on, unless they are there. What failed is
 *  tried again. */
export function inspectSelected(cockpit: Cockpit): Cockpit {
  const row = selectedRow(cockpit);
  if (row === undefined || cockpit.ended !== undefined) return cockpit;
  const known = cockpit.details.get(row.key);
  if (known !== undefined && known.failure === undefined) return cockpit;
  return request(cockpit, { kind: 'inspect', row });
}

export function logged(cockpit: Cockpit, entry: LogEntry): Cockpit {
  const wasAtEnd = cockpit.cursor.events >= cockpit.log.length - 1;
  const log = [...cockpit.log, entry].slice(-MAX_LOG);
  const events = wasAtEnd ? log.length - 1 : cockpit.cursor.events;
  return { ...cockpit, log, cursor: { ...cockpit.cursor, events } };
}

/** Finds out what differs from the sources, unless that would make it live. */
export function compared(cockpit: Cockpit): Cockpit {
  return cockpit.isWatching ? cockpit : request(cockpit, { kind: 'compare' });
}

/** Takes away what lies over the lists, if it is that. */
export function withoutOverlay(cockpit: Cockpit, kind: Overlay['kind']): Cockpit {
  return cockpit.overlay?.kind === kind ? { ...cockpit, overlay: undefined } : cockpit;
}

/** What went wrong is out of date. */
export function withoutProblem(cockpit: Cockpit): Cockpit {
  return { ...withoutOverlay(cockpit, 'problem'), problem: undefined };
}
