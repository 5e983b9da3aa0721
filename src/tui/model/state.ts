/**
 * All that the cockpit knows and shows, as one value. Nothing in this folder reads a process or a
 * terminal: actions come in, a new state comes out, and what is to be done outside waits in the
 * state's outbox.
 */
import type {
  GenerationStatus,
  PatchReport,
  PatchedFunction,
  StatusReport,
} from '../../app/report.js';
import type { CrashAnswer, CrashReport } from '../../app/crash-report.js';
import type { ProgramOutput } from '../../app/program-output.js';
import type { FunctionRow, PatchWay } from './function-row.js';
import type { Inspection } from '../engine/protocol.js';
import type { ProcessOverview } from '../../app/overview.js';
import type { Failure } from '../../core/failure-codes.js';

export const VIEWS = ['functions', 'generations', 'events', 'output'] as const;
export type View = (typeof VIEWS)[number];

export const TABS = ['source', 'code', 'threads', 'history'] as const;
export type Tab = (typeof TABS)[number];

export const FILTERS = ['all', 'changed', 'patched', 'mine'] as const;
export type Filter = (typeof FILTERS)[number];

/** What is known of a function besides its listing. */
export type Mark =
  /** The source on disk makes other code than what runs. */
  | {
      readonly kind: 'changed';
      readonly why: string;
      readonly diff: NonNullable<PatchedFunction['diff']>;
    }
  | { readonly kind: 'refused'; readonly why: string };

/** Something to be done outside of the model. */
export type Task =
  | { readonly kind: 'list' }
  | { readonly kind: 'inspect'; readonly row: FunctionRow }
  /** Find out which functions differ from their sources, changing nothing. */
  | { readonly kind: 'compare' }
  | { readonly kind: 'patch'; readonly row: FunctionRow | undefined; readonly way: PatchWay }
  | { readonly kind: 'roll-back'; readonly to: number }
  | { readonly kind: 'watch'; readonly on: boolean }
  | { readonly kind: 'guard'; readonly on: boolean }
  | { readonly kind: 'answer-crash'; readonly answer: CrashAnswer }
  | { readonly kind: 'edit'; readonly file: string; readonly line: number | undefined }
  /** `isStopped`: it was left at a crash. */
  | { readonly kind: 'debug'; readonly row: FunctionRow | undefined; readonly isStopped: boolean }
  | { readonly kind: 'copy'; readonly text: string }
  /** Stop hcr as job control does, until the shell has it go on. */
  | { readonly kind: 'suspend' }
  | { readonly kind: 'redraw' }
  | { readonly kind: 'quit' };

export interface Request {
  /** Grows by one with each. */
  readonly number: number;
  readonly task: Task;
}

export interface LogEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly tone: 'plain' | 'good' | 'bad' | 'warning';
  readonly text: string;
}

/** A failure in words, as data. */
export interface FailureValue {
  readonly failure: Failure;
  readonly message: string;
  readonly hint: string;
}

/** What went wrong last, shown until the next attempt. */
export interface Problem extends FailureValue {
  /** What was tried, so that it can be tried in another way. */
  readonly row: FunctionRow | undefined;
}

/** What is being done to the target; only one at a time. */
export interface Operation {
  readonly what: string;
  /** Of the stages, the one it is in. */
  readonly stage: string;
}

/** New code has crashed, and the thread stands where it did. */
export interface Crash {
  readonly report: CrashReport;
  /** `answered`: what was chosen is being done. */
  readonly step: 'asking' | 'answered' | 'awaiting-edit';
  /** Why an answer was not possible after all. */
  readonly refusal: string | undefined;
}

export type Overlay =
  | { readonly kind: 'help' }
  | { readonly kind: 'confirm-quit' }
  | { readonly kind: 'problem' }
  /** `value` is what the function is to return, while that is typed. */
  | { readonly kind: 'crash'; readonly value: string | undefined };

export interface Cockpit {
  readonly pid: number;
  readonly reloadsOnInterrupt: boolean;
  readonly overview: ProcessOverview | undefined;
  /** Why there is nothing to patch any more; undefined while the target lives. */
  readonly ended: string | undefined;
  readonly status: StatusReport | undefined;
  readonly isListing: boolean;
  readonly rows: readonly FunctionRow[];
  readonly marks: ReadonlyMap<string, Mark>;
  readonly filter: Filter;
  readonly query: string;
  readonly isTyping: boolean;
  /** Indices into `rows`, as filter and query leave them. */
  readonly visible: readonly number[];
  /** Index into `visible`, into the generations, the log or the lines of output. */
  readonly cursor: Readonly<Record<View, number>>;
  readonly view: View;
  readonly tab: Tab;
  /** Whether the detail has the whole screen. */
  readonly isZoomed: boolean;
  /** First line that the detail shows. */
  readonly detailTop: number;
  readonly details: ReadonlyMap<string, Inspection>;
  readonly operation: Operation | undefined;
  /** What the watch is at. */
  readonly activity: string | undefined;
  readonly isWatching: boolean;
  /** Whether hcr stays attached, so that a crash of new code can be dealt with. */
  readonly isGuarded: boolean;
  readonly crash: Crash | undefined;
  /** What the program printed last, while that is looked at. */
  readonly output: ProgramOutput | undefined;
  readonly lastPatch: PatchReport | undefined;
  /** Pauses of the patches made here, in microseconds, by generation. */
  readonly pauses: ReadonlyMap<number, number>;
  readonly problem: Problem | undefined;
  readonly overlay: Overlay | undefined;
  readonly log: readonly LogEntry[];
  readonly columns: number;
  readonly lines: number;
  readonly outbox: readonly Request[];
  readonly nextRequest: number;
}

/** What the command line asks for. */
export interface Wishes {
  /** Whether hcr is to stay attached from the beginning. */
  readonly isGuarded: boolean;
  /** Whether Ctrl+C reloads what was edited instead of quitting. */
  readonly reloadsOnInterrupt: boolean;
}

const NO_WISHES: Wishes = { isGuarded: false, reloadsOnInterrupt: false };

export function initialCockpit(
  pid: number,
  columns: number,
  lines: number,
  { isGuarded, reloadsOnInterrupt }: Wishes = NO_WISHES,
): Cockpit {
  const first: Task[] = [
    { kind: 'list' },
    ...(isGuarded ? [{ kind: 'guard', on: true } as const] : []),
    { kind: 'compare' },
  ];
  return {
    pid,
    reloadsOnInterrupt,
    overview: undefined,
    ended: undefined,
    status: undefined,
    isListing: true,
    rows: [],
    marks: new Map(),
    filter: 'all',
    query: '',
    isTyping: false,
    visible: [],
    cursor: { functions: 0, generations: 0, events: 0, output: 0 },
    view: 'functions',
    tab: 'source',
    isZoomed: false,
    detailTop: 0,
    details: new Map(),
    operation: undefined,
    activity: undefined,
    isWatching: false,
    isGuarded: false,
    crash: undefined,
    output: undefined,
    lastPatch: undefined,
    pauses: new Map(),
    problem: undefined,
    overlay: undefined,
    log: [],
    columns,
    lines,
    outbox: first.map((task, i) => ({ number: i + 1, task })),
    nextRequest: first.length + 1,
  };
}

/** The original program and all generations, as the list shows them: the newest first. */
export function generationsOf({ status }: Cockpit): readonly (GenerationStatus | undefined)[] {
  const published = status?.generations ?? [];
  return [...published.toReversed(), undefined];
}

/** The function that the cursor is on. */
export function selectedRow(cockpit: Cockpit): FunctionRow | undefined {
  const index = cockpit.visible[cockpit.cursor.functions];
  return index === undefined ? undefined : cockpit.rows[index];
}
