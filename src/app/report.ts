/** What the verbs of hcr answer: plain values, printed by `src/cli` as text or as JSON. */
import type { DiffRow } from '../core/line-diff.js';
import type { HcrError } from '../core/failure.js';
import type { Failure } from '../core/failure-codes.js';
import type { CrashEvent, CrashHandling } from './crash-report.js';

/** A function as a result names it. Addresses are `0x…` strings: results are for people and JSON. */
export interface PatchedFunction {
  /** Of its symbol. */
  readonly name: string;
  /** In the source, where that differs: `Square::area() const`. */
  readonly label?: string;
  /** Path of the module as the target has it mapped. */
  readonly module: string;
  readonly entry: string;
  /** Where the entry leads now; the entry itself when the original code is back. */
  readonly body: string;
  /** `file:line` of the definition, when known. */
  readonly source?: string;
  /** Why it is part of the patch. */
  readonly reason: 'requested' | 'clone' | 'inlined' | 'changed' | 'rolled-back';
  /** Why it differs from the code that ran: `body`, `constant`, `inlined helper square`, `clone of f`. */
  readonly why?: string;
  /** Instructions before and after, with --diff. */
  readonly diff?: readonly DiffRow[];
}

/** Milliseconds of each stage, as far as it ran. */
export interface Timings {
  readonly observe?: number;
  readonly build?: number;
  readonly link?: number;
  readonly publish?: number;
  readonly total: number;
}

/** A variable of a patched unit. */
export interface ReportedDatum {
  /** As the source has it: `limit`, `ns::limit`. */
  readonly name: string;
  /** The function it is local to. */
  readonly function?: string;
  /** `file:line` of the declaration, when known. */
  readonly source?: string;
}

/** What became of the data of the patched units. Each variable is in one list. */
export interface DataReport {
  /** Used by the new code; they have the address and the value that they had. */
  readonly kept: readonly ReportedDatum[];
  /** Brought by the new code, with their initial values. */
  readonly new: readonly ReportedDatum[];
  /** Kept, though their initial values were edited. */
  readonly changed: readonly ReportedDatum[];
  /** Given their edited initial values, as their source asks with HCR_RESET. */
  readonly reset: readonly ReportedDatum[];
  /** Gone from the source; in the program they are still there. */
  readonly removed: readonly ReportedDatum[];
}

/** Hooks of the program, by name, in their order: those that it asks for, or those of them that were
 *  called and have returned.
 *  @see include/hcr.h */
export interface HookNames {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Outcome of attach, reload and rollback. */
export interface PatchReport {
  readonly pid: number;
  /** The generation that is live now. */
  readonly generation: number;
  /** Empty when there was nothing to do. */
  readonly functions: readonly PatchedFunction[];
  /** Absent after a rollback, which leaves all data as they are. */
  readonly data?: DataReport;
  /** Absent in a program that asks for none. */
  readonly hooks?: HookNames;
  readonly notes: readonly string[];
  readonly timingsMs: Timings;
  /** How long the target stood still, in microseconds; 0 when it was never stopped. */
  readonly pauseMicros: number;
  readonly dryRun: boolean;
}

export interface GenerationStatus {
  readonly generation: number;
  /** The generation a rollback from here leads to. */
  readonly parent: number;
  /** ISO 8601 time of publication. */
  readonly publishedAt: string;
  readonly functions: readonly PatchedFunction[];
  /** Bytes of code and data it occupies in the target. */
  readonly bytes: number;
  /** `live`: entries lead here; `kept`: can be gone back to; `retired`: neither. */
  readonly state: 'live' | 'kept' | 'retired';
}

export interface StatusReport {
  readonly pid: number;
  readonly program: string;
  readonly threads: number;
  readonly generation: number;
  readonly generations: readonly GenerationStatus[];
  /** Functions that do not run their original code now. */
  readonly functions: readonly PatchedFunction[];
  /** Threads that stand in a patched function, old body or new. */
  readonly busyThreads: readonly BusyThread[];
  /** Absent in a program that asks for none. */
  readonly hooks?: HookNames;
  readonly memory: {
    /** Address space hcr mapped. */
    readonly reservedBytes: number;
    /** Part of it that holds code, data and the ledger. */
    readonly usedBytes: number;
  };
  readonly notes: readonly string[];
}

export interface BusyThread {
  readonly tid: number;
  /** The thread's own name. */
  readonly name: string;
  readonly function: string;
  readonly generation: number;
}

export interface FunctionListing {
  /** Of its symbol. */
  readonly name: string;
  /** In the source, where that differs: `Square::area() const`. */
  readonly label?: string;
  readonly module: string;
  /** Absent for a function that has no body of its own: only inlined copies are left of it, or
   *  clones that the compiler made. */
  readonly entry?: string;
  /** Of its original body; 0 without one. */
  readonly sizeBytes: number;
  readonly source?: string;
  /** Functions that hold an inlined copy of it. */
  readonly inlinedIn: readonly string[];
  readonly state: 'original' | 'patched';
  /** Generation of the live body; 0 for the original. */
  readonly generation: number;
}

export interface FunctionsReport {
  readonly pid: number;
  readonly program: string;
  readonly functions: readonly FunctionListing[];
  readonly notes: readonly string[];
}

export interface Condition {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  /** What to do, when it is not ok. */
  readonly hint?: string;
}

export interface DoctorReport {
  readonly pid?: number;
  /** False when a condition failed. */
  readonly patchable: boolean;
  readonly conditions: readonly Condition[];
}

/** The JSON form of a refusal. */
export interface FailureReport {
  readonly ok: false;
  readonly error: Failure & { readonly message: string; readonly hint: string };
}

/** Steps a verb goes through, for progress lines. */
export type Progress =
  | { readonly stage: 'observe' }
  | { readonly stage: 'build'; readonly command: string }
  | { readonly stage: 'link' }
  | { readonly stage: 'publish' }
  | { readonly stage: 'hook'; readonly name: string }
  | { readonly stage: 'waiting'; readonly reason: string }
  | { readonly stage: 'log'; readonly text: string };

export type ReportProgress = (progress: Progress) => void;

/** Options shared by the patching verbs, as the command line names them. */
export interface PatchOptions {
  readonly source?: string;
  readonly object?: string;
  readonly compileCommands?: string;
  readonly build?: string;
  readonly cc?: string;
  readonly cflags?: string;
  readonly module?: string;
  /** Report the code of each function before and after. */
  readonly diff?: boolean;
  readonly dryRun: boolean;
  readonly unchecked: boolean;
  /** How long to wait for a safe moment, in milliseconds. */
  readonly timeoutMs: number;
  /** Wait until no thread is in any of the functions, old bodies included. */
  readonly whenIdle?: boolean;
  /** Ends the compilers that run, when nobody wants their objects any more. */
  readonly signal?: AbortSignal;
}

export interface RunOptions {
  /** Signal that triggers a reload instead of reaching the program, as `SIGINT`. */
  readonly on?: string;
  /** Functions to patch on each reload. */
  readonly functions: readonly string[];
  readonly patch: PatchOptions;
  /** Absent: crashes are not looked at. */
  readonly crashes?: CrashHandling;
}

/** What happens while `hcr run` watches over a program. */
export type RunEvent =
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'reloading' }
  | { readonly kind: 'reloaded'; readonly report: PatchReport }
  | { readonly kind: 'refused'; readonly error: HcrError }
  | CrashEvent
  /** One of the two is null. */
  | { readonly kind: 'exited'; readonly code: number | null; readonly signal: string | null };
