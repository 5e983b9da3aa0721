/** The one place where the cockpit's state changes. Pure: times and sizes come with the actions. */
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ProgramOutput } from '../../app/program-output.js';
import type { PatchReport, StatusReport } from '../../app/report.js';
import { codeOf } from '../../terminal/quantity.js';
import type { Action } from './actions.js';
import {
  compared,
  inspectSelected,
  logged,
  searchFor,
  withRows,
  withoutProblem,
} from './changes.js';
import { afterCrashEvent, withValue, withoutCrash } from './crash.js';
import { followCommand } from './follow-command.js';
import { withLiveStates } from './live-states.js';
import { request } from './outbox.js';
import type { FunctionRow } from './function-row.js';
import type { Cockpit, Mark } from './state.js';

const WATCHING = { on: 'Watching: saved files go live.', off: 'Not watching any more.' };
const GUARDING = {
  on: 'Guarding: hcr stays attached, and a crash of new code does not end the program.',
  off: 'Not guarding any more: hcr is attached only for the moment of a patch.',
};

export function reduce(cockpit: Cockpit, action: Action): Cockpit {
  switch (action.type) {
    case 'resized':
      return { ...cockpit, columns: action.columns, lines: action.lines };
    case 'commanded':
      return followCommand(cockpit, action.command, action.page);
    case 'typed':
      return typed(cockpit, action.text);
    case 'taken':
      return {
        ...cockpit,
        outbox: cockpit.outbox.filter(({ number }) => number > action.through),
      };
    case 'observed':
      return observed(cockpit, action);
    case 'ended':
      return cockpit.ended === undefined ? ended(cockpit, action) : cockpit;
    case 'listed':
      return listed(cockpit, action.rows, action.notes, action.at);
    case 'inspected':
      return { ...cockpit, details: new Map(cockpit.details).set(action.key, action.detail) };
    case 'saved':
      return saved(cockpit, action);
    case 'compared':
      return withoutProblem(withRows(cockpit, { marks: marksAfter(cockpit, action) }));
    case 'compare-refused':
      return compareRefused(cockpit, action);
    case 'started':
      return { ...withoutProblem(cockpit), operation: { what: action.what, stage: 'begins' } };
    case 'finished':
      return { ...cockpit, operation: undefined };
    case 'progressed':
      return cockpit.operation === undefined
        ? cockpit
        : { ...cockpit, operation: { ...cockpit.operation, stage: action.stage } };
    case 'patched':
      return patched(cockpit, action.report, action.what, action.at);
    case 'refused':
      return refused(cockpit, action);
    case 'watching':
      return logged(
        { ...cockpit, isWatching: action.on },
        { at: action.at, tone: 'plain', text: WATCHING[action.on ? 'on' : 'off'] },
      );
    case 'guarding':
      return logged(
        { ...cockpit, isGuarded: action.on },
        { at: action.at, tone: 'plain', text: GUARDING[action.on ? 'on' : 'off'] },
      );
    case 'busied':
      return { ...cockpit, activity: action.activity };
    case 'crashed':
      return afterCrashEvent(cockpit, action.event, action.at);
    case 'logged':
      return logged(cockpit, action.entry);
  }
}

function ended(cockpit: Cockpit, { why, at }: Extract<Action, { type: 'ended' }>): Cockpit {
  const over: Cockpit = {
    ...withoutCrash(cockpit),
    ended: why,
    operation: undefined,
    activity: undefined,
    isWatching: false,
    isGuarded: false,
  };
  return logged(over, { at, tone: 'bad', text: why });
}

function observed(
  cockpit: Cockpit,
  { overview, status, output, at }: Extract<Action, { type: 'observed' }>,
): Cockpit {
  const before = cockpit.overview;
  const isNews = !isDeepStrictEqual(
    [before, cockpit.status, cockpit.output],
    [overview, status, output],
  );
  if (!isNews) return cockpit;
  let next = withOutput({ ...cockpit, overview, status }, output);
  if (before !== undefined && before.program !== overview.program) {
    const text = `The process runs another program now: ${overview.program}.`;
    next = request(logged(next, { at, tone: 'warning', text }), { kind: 'list' });
  }
  for (const child of overview.children) {
    if (before === undefined || before.children.includes(child)) continue;
    const text = `The process has a new child, ${child}: hcr tui ${child} shows it.`;
    next = logged(next, { at, tone: 'plain', text });
  }
  // It may have loaded a shared object.
  if (
    before !== undefined &&
    before.program === overview.program &&
    before.modules !== overview.modules
  )
    next = request(next, { kind: 'list' });
  // Another hcr may have patched the process.
  return cockpit.status !== undefined && cockpit.status.generation !== status.generation
    ? refreshed(next, status)
    : next;
}

/** Who looks at the last line goes on doing so. */
function withOutput(cockpit: Cockpit, output: ProgramOutput | undefined): Cockpit {
  const last = (shown: ProgramOutput | undefined): number =>
    Math.max((shown?.lines?.length ?? 0) - 1, 0);
  const { cursor } = cockpit;
  const isAtEnd = cursor.output >= last(cockpit.output);
  const at = isAtEnd ? last(output) : Math.min(cursor.output, last(output));
  return { ...cockpit, output, cursor: { ...cursor, output: at } };
}

function typed(cockpit: Cockpit, text: string): Cockpit {
  const { overlay, isTyping, query } = cockpit;
  if (overlay?.kind === 'crash' && overlay.value !== undefined)
    return withValue(cockpit, overlay.value + text);
  return isTyping && overlay === undefined ? searchFor(cockpit, query + text) : cockpit;
}

/** What runs has changed, and with it the states of functions and what is shown of them. */
function refreshed(cockpit: Cockpit, status: StatusReport | undefined): Cockpit {
  const rows = status === undefined ? cockpit.rows : withLiveStates(cockpit.rows, status);
  return inspectSelected(withRows({ ...cockpit, status, details: new Map() }, { rows }));
}

function listed(
  cockpit: Cockpit,
  rows: readonly FunctionRow[],
  notes: readonly string[],
  at: number,
): Cockpit {
  const isFirst = cockpit.isListing && cockpit.rows.length === 0;
  const shown = withRows({ ...cockpit, isListing: false, details: new Map() }, { rows });
  const told = isFirst
    ? notes.reduce((state, text) => logged(state, { at, tone: 'plain', text }), shown)
    : shown;
  return inspectSelected(told);
}

function patched(cockpit: Cockpit, report: PatchReport, what: string, at: number): Cockpit {
  const { generation, functions, notes, pauseMicros, timingsMs } = report;
  const stages = (['observe', 'build', 'link', 'publish'] as const).flatMap((stage) => {
    const ms = timingsMs[stage];
    return ms === undefined ? [] : [`${stage} ${Math.round(ms)}`];
  });
  const names = functions.map(({ label, name }) => label ?? name);
  const text =
    names.length === 0
      ? `${what}: nothing to do.`
      : `${what}: ${codeOf(generation)} is live, paused ${pauseMicros} µs, ${Math.round(timingsMs.total)} ms (${stages.join(', ')}): ${listOf(names)}`;
  const done: Cockpit = {
    ...withoutProblem(cockpit),
    operation: undefined,
    lastPatch: report,
    pauses: new Map(cockpit.pauses).set(generation, pauseMicros),
    marks: withoutPatched(cockpit, report),
  };
  const told = notes.reduce(
    (state, note) => logged(state, { at, tone: 'warning', text: note }),
    logged(done, { at, tone: names.length === 0 ? 'plain' : 'good', text }),
  );
  const refreshedNow = refreshed(told, cockpit.status);
  // A rollback leaves sources that differ from what runs.
  const isBack = functions.some(({ reason }) => reason === 'rolled-back');
  return isBack ? compared(refreshedNow) : refreshedNow;
}

/** What is shown of their functions is out of date. */
function saved(cockpit: Cockpit, { files, at }: Extract<Action, { type: 'saved' }>): Cockpit {
  const details = new Map(cockpit.details);
  for (const { key, file } of cockpit.rows)
    if (file !== undefined && files.includes(file)) details.delete(key);
  const text = `edited: ${listOf(files.map((file) => basename(file)))}`;
  const shown = inspectSelected({ ...cockpit, details });
  return cockpit.log.at(-1)?.text === text ? shown : logged(shown, { at, tone: 'plain', text });
}

/** Functions of the compared files that differ, and the others that were marked before. */
function marksAfter(
  { marks, rows }: Cockpit,
  { report, files }: Extract<Action, { type: 'compared' }>,
): ReadonlyMap<string, Mark> {
  const compared = new Set(files);
  const next = new Map(marks);
  const differing = new Map(report.functions.map((fn) => [`${fn.name} ${fn.entry}`, fn]));
  for (const { key, symbol, file, listing } of rows) {
    const found = differing.get(`${symbol} ${listing.entry ?? ''}`);
    if (found !== undefined) {
      next.set(key, {
        kind: 'changed',
        why: found.why ?? found.reason,
        diff: found.diff ?? [],
      });
    } else if (file !== undefined && compared.has(file)) next.delete(key);
  }
  return next;
}

/** The function that a refusal is about is marked with it. */
function compareRefused(
  cockpit: Cockpit,
  { problem, at }: Extract<Action, { type: 'compare-refused' }>,
): Cockpit {
  const { failure } = problem;
  const name = 'function' in failure ? failure.function : undefined;
  const row = cockpit.rows.find((each) => each.symbol === name || each.name === name);
  const marks = new Map(cockpit.marks);
  if (row !== undefined) marks.set(row.key, { kind: 'refused', why: failure.code });
  return logged(
    { ...withRows(cockpit, { marks }), problem: { ...problem, row } },
    { at, tone: 'bad', text: `${firstLine(problem.message)} (! shows it)` },
  );
}

function withoutPatched(
  { marks, rows }: Cockpit,
  { functions }: PatchReport,
): ReadonlyMap<string, Mark> {
  const names = new Set(functions.map(({ name }) => name));
  const left = new Map(marks);
  for (const { key, symbol } of rows) if (names.has(symbol)) left.delete(key);
  return left;
}

function refused(
  cockpit: Cockpit,
  { what, problem, row, at }: Extract<Action, { type: 'refused' }>,
): Cockpit {
  const marks = new Map(cockpit.marks);
  if (row !== undefined) marks.set(row.key, { kind: 'refused', why: problem.failure.code });
  const shown = withRows({ ...cockpit, operation: undefined }, { marks });
  return logged(
    { ...shown, problem: { ...problem, row }, overlay: { kind: 'problem' } },
    { at, tone: 'bad', text: `${what}: ${firstLine(problem.message)}` },
  );
}

function listOf(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
