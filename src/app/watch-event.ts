/** What a watch tells, for terminals, editors and the interface alike. */
import type { HcrError } from '../core/failure.js';
import type { ProcessOutcome } from './reload-many.js';
import type { PatchReport } from './report.js';

export type WatchEvent =
  /** The watch has begun, or the program has other modules now. */
  | {
      readonly kind: 'watching';
      readonly pid: number;
      readonly program: string;
      /** Sources and headers of the program that are on this machine. */
      readonly files: number;
      readonly folders: number;
    }
  /** Files were saved that the program is made of. */
  | {
      readonly kind: 'changed';
      readonly files: readonly string[];
      /** Sources of the translation units that are compiled because of it. */
      readonly units: readonly string[];
    }
  | { readonly kind: 'compiling'; readonly source: string; readonly command: string }
  | { readonly kind: 'compiled'; readonly source: string; readonly durationMs: number }
  /** What was saved is live. Without functions: the running code was this already. */
  | {
      readonly kind: 'patched';
      readonly report: PatchReport;
      /** Files saved earlier that are not live yet. */
      readonly waiting: readonly string[];
      /** What became of the processes that it has forked. */
      readonly forks: readonly ProcessOutcome[];
    }
  /** It compiles, but cannot go live; the program is as it was. */
  | {
      readonly kind: 'refused';
      readonly error: HcrError;
      readonly files: readonly string[];
    }
  /** It does not compile, or hcr has a fault; the program is as it was. */
  | {
      readonly kind: 'failed';
      readonly error: HcrError;
      readonly files: readonly string[];
    }
  /** The program has ended, and the watch with it. */
  | { readonly kind: 'ended'; readonly pid: number };

export type WatchListener = (event: WatchEvent) => void;
