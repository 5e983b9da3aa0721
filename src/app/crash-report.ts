/** What the guard tells of a crash, and what may be done about it: plain values, for people and JSON. */
import type { TraceEnd, TraceFrame } from '../core/thread-trace.js';

/** What becomes of a program whose new code has crashed:
 * - `return`: the function returns to its caller, with a value that the user gives
 * - `previous`: the call is made again, in the version that was live before
 * - `retry`: the call is made again, in the version that the next edit makes
 * - `debugger`: the program is left stopped at the fault, for a debugger to attach to
 * - `crash`: the signal is delivered, as if nobody had looked */
export const CRASH_CHOICES = ['return', 'previous', 'retry', 'debugger', 'crash'] as const;
export type CrashChoice = (typeof CRASH_CHOICES)[number];

/** `ask` the user; another: as if the user had said that. */
export type CrashPolicy = 'ask' | CrashChoice;

export interface CrashAnswer {
  readonly choice: CrashChoice;
  /** For `return`, as the user wrote it. */
  readonly value?: string;
}

/** How crashes of new code are dealt with. */
export interface CrashHandling {
  readonly policy: CrashPolicy;
  /** For the policy `return`. */
  readonly returnValue?: string;
  /** Asks the user; undefined when there is nobody to ask. `over` tells that the program has ended
   *  meanwhile. */
  readonly ask: (report: CrashReport, over: AbortSignal) => Promise<CrashAnswer | undefined>;
}

export interface CrashReport {
  readonly pid: number;
  readonly tid: number;
  /** As `SIGSEGV`. */
  readonly signal: string;
  readonly faultAddress?: string;
  /** The new body that is to blame. */
  readonly function: string;
  readonly generation: number;
  /** `file:line` where it was, as far as that is known. */
  readonly source?: string;
  /** The innermost first. */
  readonly frames: readonly TraceFrame[];
  readonly moreFrames: number;
  readonly end: TraceEnd;
  readonly registers: Readonly<Record<string, string>>;
  /** The generation that is live now. */
  readonly liveGeneration: number;
  /** Functions that lead to earlier code again. */
  readonly rolledBack: readonly string[];
  /** For each choice that is not possible the reason. */
  readonly impossible: Readonly<Partial<Record<CrashChoice, string>>>;
  /** What `return` takes: nothing, an integer or a floating-point number. */
  readonly returns?: 'nothing' | 'integer' | 'floating-point';
  readonly notes: readonly string[];
}

export type CrashEvent =
  | { readonly kind: 'crashed'; readonly report: CrashReport }
  /** The guard waits for an edit. */
  | { readonly kind: 'awaiting-edit'; readonly source: string }
  /** A choice was not possible after all; another is asked for, or the program crashes. */
  | { readonly kind: 'crash-refused'; readonly choice: CrashChoice; readonly detail: string }
  /** hcr cannot help: the program gets its signal. */
  | { readonly kind: 'crash-unhandled'; readonly detail: string }
  | {
      readonly kind: 'crash-settled';
      readonly choice: CrashChoice;
      readonly pid: number;
      /** What the caller of the function got. */
      readonly value?: string;
      /** With `debugger`: the command to give. */
      readonly command?: string;
    };
