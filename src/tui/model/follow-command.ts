/** What each command does to the cockpit. */
import { inspectSelected, searchFor, withRows } from './changes.js';
import { CRASH_QUESTION, choose, editValue } from './crash.js';
import { request } from './outbox.js';
import type { Command } from './commands.js';
import type { PatchWay } from './function-row.js';
import { type Cockpit, FILTERS, TABS, type View, generationsOf, selectedRow } from './state.js';

/** @param page lines that a page has */
export function followCommand(cockpit: Cockpit, command: Command, page: number): Cockpit {
  const { overlay } = cockpit;
  if (overlay?.kind === 'confirm-quit') {
    if (command === 'accept' || command === 'quit') return request(cockpit, { kind: 'quit' });
    const stay = { ...cockpit, overlay: undefined };
    return cockpit.crash === undefined ? stay : showProblem(stay);
  }
  if (overlay?.kind === 'help') return { ...cockpit, overlay: undefined };
  if (overlay?.kind === 'crash' && overlay.value !== undefined)
    return editValue(cockpit, overlay.value, command);
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
      return show(cockpit, 'functions');
    case 'show-generations':
      return show(cockpit, 'generations');
    case 'show-events':
      return show(cockpit, 'events');
    case 'show-output':
      return show(cockpit, 'output');
    case 'next-tab':
      return turnTab(cockpit, 1);
    case 'previous-tab':
      return turnTab(cockpit, -1);
    case 'search':
      return { ...show(cockpit, 'functions'), isTyping: true };
    case 'clear':
      return clear(cockpit);
    case 'next-filter':
      return inspectSelected(
        withRows(show(cockpit, 'functions'), { filter: after(FILTERS, cockpit.filter, 1) }),
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
    case 'toggle-guard':
      return cockpit.crash === undefined
        ? change(cockpit, (free) => request(free, { kind: 'guard', on: !cockpit.isGuarded }))
        : cockpit;
    case 'compare':
      return change(cockpit, (free) =>
        request(request(free, { kind: 'list' }), { kind: 'compare' }),
      );
    case 'edit':
      return edit(cockpit);
    case 'copy':
      return copy(cockpit);
    case 'debug':
      return change(cockpit, (free) => debug(free));
    case 'help':
      return { ...cockpit, overlay: { kind: 'help' } };
    case 'show-problem':
      return showProblem(cockpit);
    case 'crash-return':
      return choose(cockpit, 'return');
    case 'crash-previous':
      return choose(cockpit, 'previous');
    case 'crash-retry':
      return choose(cockpit, 'retry');
    case 'crash-debugger':
      return choose(cockpit, 'debugger');
    case 'crash-crash':
      return choose(cockpit, 'crash');
    case 'suspend':
      return cockpit.operation === undefined ? request(cockpit, { kind: 'suspend' }) : cockpit;
    case 'redraw':
      return request(cockpit, { kind: 'redraw' });
    case 'quit':
      return isHalfDone(cockpit)
        ? { ...cockpit, overlay: { kind: 'confirm-quit' } }
        : request(cockpit, { kind: 'quit' });
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
    case 'output':
      return cockpit.output?.lines?.length ?? 0;
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
  if (cockpit.isZoomed) return { ...cockpit, isZoomed: false };
  if (cockpit.view !== 'functions') return show(cockpit, 'functions');
  return inspectSelected(withRows(cockpit, { filter: 'all' }));
}

function accept(cockpit: Cockpit): Cockpit {
  if (cockpit.overlay !== undefined) return { ...cockpit, overlay: undefined };
  if (cockpit.isTyping) return { ...cockpit, isTyping: false };
  if (cockpit.view === 'functions') return { ...cockpit, isZoomed: !cockpit.isZoomed };
  return cockpit.view === 'generations' ? rollBack(cockpit) : cockpit;
}

function show(cockpit: Cockpit, view: View): Cockpit {
  return { ...cockpit, view, isTyping: false, isZoomed: false, overlay: undefined };
}

/** The crash that the program stands at comes before what was refused. */
function showProblem(cockpit: Cockpit): Cockpit {
  if (cockpit.overlay !== undefined) return { ...cockpit, overlay: undefined };
  if (cockpit.crash !== undefined) return { ...cockpit, overlay: CRASH_QUESTION };
  return cockpit.problem === undefined ? cockpit : { ...cockpit, overlay: { kind: 'problem' } };
}

/** Whether to quit now would cut something off. */
function isHalfDone({ operation, crash, isWatching, activity }: Cockpit): boolean {
  return operation !== undefined || crash !== undefined || (isWatching && activity !== undefined);
}

/** At a crash the debugger is one of the answers. */
function debug(cockpit: Cockpit): Cockpit {
  if (cockpit.crash !== undefined) return showProblem(cockpit);
  const row = selectedRow(cockpit);
  return request(cockpit, { kind: 'debug', row, isStopped: false });
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
