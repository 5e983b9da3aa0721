/**
 * What the interface asks of the engine, and what that answers. The engine runs in a thread of its
 * own: reading a hundred megabytes of debug information takes a second, in which keys must work.
 * All that crosses is plain data.
 */
import type { CrashAnswer, CrashEvent } from '../../app/crash-report.js';
import type { FunctionDetail } from '../../app/function-detail.js';
import type { ProcessOverview } from '../../app/overview.js';
import type { ProgramOutput } from '../../app/program-output.js';
import type { PatchOptions, PatchReport, StatusReport } from '../../app/report.js';
import type { Failure } from '../../core/failure-codes.js';
import type { FunctionRow, PatchWay } from '../model/function-row.js';
import type { SourceView } from './source-texts.js';

/** All there is to see of one function. */
export interface Inspection extends FunctionDetail {
  readonly source: SourceView | undefined;
  /** Why it could not be looked at. */
  readonly failure?: string;
}

/** What is seen of the process again and again. */
export interface Observation {
  readonly overview: ProcessOverview;
  readonly status: StatusReport;
  /** Where it was asked for. */
  readonly output: ProgramOutput | undefined;
}

export interface Calls {
  observe: (withOutput: boolean) => Observation;
  list: () => { readonly rows: readonly FunctionRow[]; readonly notes: readonly string[] };
  inspect: (row: FunctionRow) => Inspection;
  /** @param name of one function; undefined for all that was edited */
  patch: (name: string | undefined, way: PatchWay) => PatchReport;
  rollBack: (to: number) => PatchReport;
  /** Whether what is saved goes live, or is only compared with what runs. */
  watch: (isLive: boolean) => undefined;
  /** Compares all sources with what runs; the answers come as events. */
  compare: () => undefined;
  /** Stays attached, or not, so that crashes of new code can be dealt with. */
  guard: (on: boolean) => undefined;
  /** What is to become of the thread that stands at a crash. */
  answerCrash: (answer: CrashAnswer) => undefined;
  /** Finishes what is under way, detaches, and does nothing until it is told to wake. */
  rest: () => undefined;
  wake: () => undefined;
}

export type CallName = keyof Calls;

export interface CallMessage {
  readonly type: 'call';
  readonly number: number;
  readonly call: CallName;
  readonly args: readonly unknown[];
}

/** A SIGCHLD has come: signals reach the first thread of a process only. */
export interface NudgeMessage {
  readonly type: 'nudge';
}

/** A failure as data. */
export interface FailureData {
  readonly failure: Failure;
}

/** What happens without being asked for. */
export type EngineEvent =
  | { readonly kind: 'progress'; readonly stage: string }
  /** Files were saved that these units are made of. */
  | {
      readonly kind: 'changed';
      readonly files: readonly string[];
      readonly units: readonly string[];
    }
  | {
      readonly kind: 'reloaded';
      readonly report: PatchReport;
      /** Sources of the units that were looked at, and the files saved. */
      readonly files: readonly string[];
    }
  | { readonly kind: 'refused'; readonly error: FailureData; readonly files: readonly string[] }
  /** What the watch is at; undefined when it is done. */
  | { readonly kind: 'activity'; readonly text: string | undefined }
  | { readonly kind: 'crash'; readonly event: CrashEvent }
  /** The thread itself has failed: nothing more can be asked of it. */
  | { readonly kind: 'failed'; readonly detail: string }
  | { readonly kind: 'ended' };

export type EngineMessage =
  | { readonly type: 'answer'; readonly number: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly number: number; readonly error: FailureData }
  | { readonly type: 'event'; readonly event: EngineEvent };

export interface EngineData {
  readonly pid: number;
  /** The options of the command line that patches are made with. */
  readonly options: PatchOptions;
}
