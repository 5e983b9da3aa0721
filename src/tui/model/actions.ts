/** Everything that can happen to the cockpit. */
import type { Inspection, Observation } from '../engine/protocol.js';
import type { CrashEvent } from '../../app/crash-report.js';
import type { PatchReport } from '../../app/report.js';
import type { Command } from './commands.js';
import type { FunctionRow } from './function-row.js';
import type { FailureValue, LogEntry } from './state.js';

export type Action =
  | { readonly type: 'resized'; readonly columns: number; readonly lines: number }
  /** A key that means something, wherever the user is. */
  | { readonly type: 'commanded'; readonly command: Command; readonly page: number }
  | { readonly type: 'typed'; readonly text: string }
  /** The requests up to this number are taken care of. */
  | { readonly type: 'taken'; readonly through: number }
  | ({ readonly type: 'observed'; readonly at: number } & Observation)
  | { readonly type: 'ended'; readonly why: string; readonly at: number }
  | {
      readonly type: 'listed';
      readonly rows: readonly FunctionRow[];
      readonly notes: readonly string[];
      readonly at: number;
    }
  | { readonly type: 'inspected'; readonly key: string; readonly detail: Inspection }
  /** Files of these units were saved. */
  | {
      readonly type: 'saved';
      readonly files: readonly string[];
      readonly units: readonly string[];
      readonly at: number;
    }
  /** What differs from what runs, in the units made of these files. */
  | {
      readonly type: 'compared';
      readonly report: PatchReport;
      readonly files: readonly string[];
    }
  /** Sources cannot go live as they are. */
  | { readonly type: 'compare-refused'; readonly problem: FailureValue; readonly at: number }
  | { readonly type: 'started'; readonly what: string; readonly at: number }
  | { readonly type: 'finished' }
  | { readonly type: 'progressed'; readonly stage: string }
  | {
      readonly type: 'patched';
      readonly report: PatchReport;
      readonly what: string;
      readonly at: number;
    }
  | {
      readonly type: 'refused';
      readonly what: string;
      readonly problem: FailureValue;
      readonly row: FunctionRow | undefined;
      readonly at: number;
    }
  | { readonly type: 'watching'; readonly on: boolean; readonly at: number }
  | { readonly type: 'guarding'; readonly on: boolean; readonly at: number }
  | { readonly type: 'busied'; readonly activity: string | undefined }
  | { readonly type: 'crashed'; readonly event: CrashEvent; readonly at: number }
  | { readonly type: 'logged'; readonly entry: LogEntry };

/** The process is gone, whoever was the first to notice. */
export function programEnded(at: number): Action {
  return { type: 'ended', why: 'The program has ended.', at };
}
