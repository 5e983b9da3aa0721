/** Every way in which hcr says no: the codes and their typed fields. */
import type { ThreadTrace } from './thread-trace.js';

/** A declaration as the user wrote it and as the live program has it. */
export interface Difference {
  readonly what: string;
  readonly live: string;
  readonly edited: string;
}

export type Failure =
  | { readonly code: 'usage'; readonly detail: string; readonly advice?: string }
  | { readonly code: 'unexpected'; readonly detail: string }
  | { readonly code: 'no-such-process'; readonly pid: number }
  | {
      readonly code: 'attach-denied';
      readonly pid: number;
      readonly reason: string;
      readonly advice: string;
    }
  | {
      readonly code: 'already-traced';
      readonly pid: number;
      readonly tracerPid: number;
      readonly tracer: string;
    }
  /** hcr as root would have to build for another user and cannot do it as that user. */
  | { readonly code: 'build-user-denied'; readonly uid: number; readonly reason: string }
  /** A file of somebody else lies where the program's debug information says that its source is. */
  | {
      readonly code: 'source-not-trusted';
      readonly source: string;
      /** The file or folder in doubt, and why. */
      readonly reason: string;
    }
  | { readonly code: 'unsupported-machine'; readonly pid: number; readonly machine: string }
  | { readonly code: 'unsupported-target'; readonly pid: number; readonly detail: string }
  | { readonly code: 'no-debug-info'; readonly module: string; readonly function: string }
  | {
      readonly code: 'debug-file-missing';
      /** As the program has it: a `.dwo` file, or one that several programs share. */
      readonly file: string;
      readonly module: string;
      readonly reason: string;
    }
  | {
      readonly code: 'source-not-found';
      readonly source: string;
      readonly tried: readonly string[];
    }
  | {
      readonly code: 'file-not-in-program';
      readonly file: string;
      readonly near: readonly string[];
    }
  | {
      readonly code: 'function-not-found';
      readonly function: string;
      readonly near: readonly string[];
      readonly where: string;
    }
  | {
      readonly code: 'ambiguous-function';
      readonly function: string;
      readonly candidates: readonly string[];
      /** What `--module` calls the modules that they are in. */
      readonly modules: readonly string[];
    }
  | {
      readonly code: 'module-not-found';
      readonly module: string;
      readonly loaded: readonly string[];
    }
  | {
      readonly code: 'function-not-patchable';
      readonly function: string;
      readonly reason: string;
      readonly advice: string;
    }
  | {
      readonly code: 'compile-failed';
      readonly source?: string;
      readonly command: string;
      readonly diagnostics: string;
      readonly exitCode: number | null;
      readonly advice?: string;
    }
  | { readonly code: 'compiler-not-found'; readonly compiler: string }
  | { readonly code: 'no-compile-command'; readonly source: string; readonly file: string }
  | { readonly code: 'unsupported-language'; readonly source: string; readonly language: string }
  | {
      readonly code: 'build-mismatch';
      readonly detail: string;
      readonly liveCompiler: string;
      readonly compiler: string;
      /** In which the two differ; empty when the producers tell of none. */
      readonly flags: string;
      /** How hcr compiled, without the files. */
      readonly command?: string;
      readonly advice: string;
    }
  | {
      readonly code: 'abi-changed';
      readonly function: string;
      readonly differences: readonly Difference[];
    }
  | {
      readonly code: 'layout-changed';
      readonly type: string;
      readonly differences: readonly Difference[];
    }
  | {
      readonly code: 'unresolved-symbol';
      readonly symbol: string;
      readonly near: readonly string[];
      /** A library that defines it: one of the system, or one that is loaded for others only. */
      readonly library?: string;
      readonly isLoaded?: boolean;
      /** Whether the program is linked statically: then no library can be loaded. */
      readonly isStatic?: boolean;
    }
  | {
      readonly code: 'unsupported-thread-local';
      readonly variable: string;
      readonly reason: string;
      readonly advice: string;
    }
  | {
      readonly code: 'unsupported-relocation';
      readonly relocation: string;
      readonly section: string;
      readonly symbol: string;
    }
  | { readonly code: 'out-of-reach'; readonly symbol: string; readonly detail: string }
  | { readonly code: 'out-of-memory'; readonly detail: string }
  | {
      readonly code: 'busy';
      readonly detail: string;
      readonly threads: readonly number[];
      /** Where threads that are in the way are, as far as they could be unwound. */
      readonly traces?: readonly ThreadTrace[];
      readonly waitedMs: number;
    }
  /** A function of the program that is to run before a change did not come back. */
  | {
      readonly code: 'hook-failed';
      readonly hook: string;
      readonly reason: string;
    }
  | { readonly code: 'target-exited'; readonly pid: number; readonly how: string }
  | { readonly code: 'target-replaced'; readonly pid: number; readonly detail: string }
  | { readonly code: 'ledger-corrupt'; readonly pid: number; readonly detail: string }
  | { readonly code: 'no-such-generation'; readonly generation: number; readonly available: string }
  | { readonly code: 'malformed-file'; readonly what: string; readonly detail: string }
  | { readonly code: 'ffi-unavailable'; readonly detail: string };

export type FailureCode = Failure['code'];
