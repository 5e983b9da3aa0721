/** What each command does to the cockpit. */
import { inspectSelected, searchFor, withRows } from './changes.js';
import { request } from './outbox.js';
import type { Command } from './commands.js';

import type { PatchWay } from './function-row.js';
import { type Cockpit, FILTERS, TABS, type View, generationsOf, selectedRow } from './state.js';

/** @param page lines that a page has */
export function followCommand(cockpit: Cockpit, command: Command, page: number): Cockpit {
  const { overlay } = cockpit;
  if (overlay?.kind === 'confirm-quit') {
    if (command === 'accept' || command === 'quit') return request(cockpit, { kind: 'quit' });
    return { ...cockpit, overlay: undefined };
  }
  if (overlay?.kind === 'help') return { ...cockpit, overlay: undefined };
  switch (command) {
    case 'up':
      return moveCursor(cockpit, -1);
    case 'down':
      return moveCursor(cockpit, 1);
    case 'page-up':
      return moveCursor(cockpit, -page);
    case 'page-down':
      return moveCursor(cockpit, page);
    case 'first':
      return moveCursor(cockpit, -Infinity);
    case 'last':
      return moveCursor(cockpit, Infinity);
    case 'detail-up':
      return { ...cockpit, detailTop: Math.max(cockpit.detailTop - Math.ceil(page / 2), 0) };
    case 'detail-down':
      return { ...cockpit, detailTop: cockpit.detailTop + Math.ceil(page / 2) };
    case 'show-functions':
      return { ...cockpit, view: 'functions', overlay: undefined };
    case 'show-generations':
      return { ...cockpit, view: 'generations', overlay: undefined };
    case 'show-events':
      return { ...cockpit, view: 'events', overlay: undefined };
    case 'next-tab':
      return turnTab(cockpit, 1);
    case 'previous-tab':
      return turnTab(cockpit, -1);
    case 'search':
      return { ...cockpit, view: 'functions', isTyping: true, overlay: undefined };
    case 'clear':
      return clear(cockpit);
    case 'next-filter':
      return inspectSelected(
        withRows({ ...cockpit, view: 'functions' }, { filter: after(FILTERS, cockpit.filter, 1) }),
      );
    case 'erase':
      return searchFor(cockpit, Array.from(cockpit.query).slice(0, -1).join(''));
    case 'accept':
      return accept(cockpit);
    case 'reload-selected':
      return patchSelected(cockpit, 'checked');
    case 'reload-unchecked':
      return patchSelected(cockpit, 'unchecked');
    case 'reload-when-idle':
      return patchSelected(cockpit, 'when-idle');
    case 'reload-all':
      return change(cockpit, (free) =>
        request(free, { kind: 'patch', row: undefined, way: 'checked' }),
      );
    case 'roll-back':
      return rollBack(cockpit);
    case 'toggle-watch':
      return change(cockpit, (free) => request(free, { kind: 'watch', on: !cockpit.isWatching }));
    case 'compare':
      return change(cockpit, (free) =>
        request(request(free, { kind: 'list' }), { kind: 'compare' }),
      );
    case 'edit':
      return edit(cockpit);
    case 'copy':
      return copy(cockpit);
    case 'debug':
      return change(cockpit, (free) => request(free, { kind: 'debug', row: selectedRow(free) }));
    case 'help':
      return { ...cockpit, overlay: { kind: 'help' } };
    case 'show-problem':
      return cockpit.problem === undefined
        ? cockpit
        : { ...cockpit, overlay: overlay === undefined ? { kind: 'problem' } : undefined };
    case 'quit':
      return cockpit.operation === undefined
        ? request(cockpit, { kind: 'quit' })
        : { ...cockpit, overlay: { kind: 'confirm-quit' } };
  }
}

function moveCursor(cockpit: Cockpit, by: number): Cockpit {
  const { view, cursor } = cockpit;
  const last = Math.max(lengthOf(cockpit, view) - 1, 0);
  const to = Math.min(Math.max(cursor[view] + by, 0), last);
  const moved = { ...cockpit, cursor: { ...cursor, [view]: to } };
  return view === 'functions' ? inspectSelected({ ...moved, detailTop: 0 }) : moved;
}

function lengthOf(cockpit: Cockpit, view: View): number {
  switch (view) {
    case 'functions':
      return cockpit.visible.length;
    case 'generations':
      return generationsOf(cockpit).length;
    case 'events':
      return cockpit.log.length;
  }
}

function turnTab(cockpit: Cockpit, by: number): Cockpit {
  return { ...cockpit, detailTop: 0, tab: after(TABS, cockpit.tab, by) };
}

function after<T>(values: readonly T[], value: T, by: number): T {
  const index = (values.indexOf(value) + by + values.length) % values.length;
  return values[index] ?? value;
}

/** Escape takes away one thing at a time, the nearest first. */
function clear(cockpit: Cockpit): Cockpit {
  if (cockpit.overlay !== undefined) return { ...cockpit, overlay: undefined };
  if (cockpit.isTyping || cockpit.query !== '')
    return inspectSelected(withRows({ ...cockpit, isTyping: false }, { query: '' }));
  if (cockpit.view !== 'functions') return { ...cockpit, view: 'functions' };
  return inspectSelected(withRows(cockpit, { filter: 'all' }));
}

function accept(cockpit: Cockpit): Cockpit {
  if (cockpit.overlay !== undefined) return { ...cockpit, overlay: undefined };
  if (cockpit.isTyping) return { ...cockpit, isTyping: false };
  return cockpit.view === 'generations' ? rollBack(cockpit) : cockpit;
}

/** What changes the target waits for nothing and runs beside nothing else that does. */
function change(cockpit: Cockpit, then: (cockpit: Cockpit) => Cockpit): Cockpit {
  return cockpit.operation !== undefined || cockpit.ended !== undefined
    ? cockpit
    : then({ ...cockpit, overlay: undefined });
}

function patchSelected(cockpit: Cockpit, way: PatchWay): Cockpit {
  // Trying again in another way means what was refused, wherever the cursor is by now.
  const row =
    way === 'checked' ? selectedRow(cockpit) : (cockpit.problem?.row ?? selectedRow(cockpit));
  const isRetry = way !== 'checked' && cockpit.problem !== undefined;
  if (row === undefined && !isRetry) return cockpit;
  return change(cockpit, (free) =>
    request(free, { kind: 'patch', row: isRetry ? cockpit.problem.row : row, way }),
  );
}

/** To the generation under the cursor where they are listed, else one back. */
function rollBack(cockpit: Cockpit): Cockpit {
  const { status, view, cursor } = cockpit;
  if (status === undefined) return cockpit;
  const chosen = generationsOf(cockpit)[cursor.generations]?.generation ?? 0;
  const parent = status.generations.find(
    ({ generation }) => generation === status.generation,
  )?.parent;
  const to = view === 'generations' ? chosen : parent;
  if (to === undefined || to === status.generation) return cockpit;
  return change(cockpit, (free) => request(free, { kind: 'roll-back', to }));
}

function edit(cockpit: Cockpit): Cockpit {
  const row = selectedRow(cockpit);
  if (row?.file === undefined) return cockpit;
  return request(cockpit, { kind: 'edit', file: row.file, line: row.line });
}

function copy(cockpit: Cockpit): Cockpit {
  const text = selectedRow(cockpit)?.listing.entry;
  return text === undefined ? cockpit : request(cockpit, { kind: 'copy', text });
}
