/** What asking the build for flags comes to: an answer, or the reason why there is none. */
import type { BuildUser } from './build-user.js';
import type { EntryHints } from './choose-entry.js';
import type { Producer } from './producer-flags.js';

/** Where flags can come from without being named, in the order in which they are asked. */
export type BuildOrigin = 'compile_commands.json' | 'ninja' | 'make';

export interface FoundFlags {
  /** As the build names it: a name on PATH, or a path relative to `directory`. */
  readonly compiler: string;
  readonly args: readonly string[];
  readonly directory: string;
  /** The source as the build names it, relative to `directory`. */
  readonly input?: string;
  /** With whose rights they are to be used, when not with those of hcr. */
  readonly user?: BuildUser;
}

/** What is asked, and what is known of the program to tell the right answer from others. */
export interface FlagQuestion {
  /** Paths of the source to look for, the first that has a command counts. */
  readonly sources: readonly string[];
  readonly hints: EntryHints;
  /** Who compiled the program, and with which flags. */
  readonly live: Producer;
  /** Where the compiler ran. */
  readonly directory: string;
  /** The program or library that the source is part of. */
  readonly module?: string;
  /** Folders in and above which to look, the most likely first. */
  readonly folders: readonly string[];
  /** With whose rights hcr builds, when not with its own. */
  readonly user?: BuildUser;
}

/** One place that was asked. */
export type FlagAnswer = {
  readonly origin: BuildOrigin;
  /** The file that was asked, and what of it: `/p/build.ninja`, `/p/Makefile (a.o)`. */
  readonly place: string;
} & (
  | { readonly flags: FoundFlags; readonly explanation: readonly string[] }
  | { readonly reason: string }
);

/** What became of one source of flags, for people. */
export interface ConsultedSource {
  readonly origin: 'options' | BuildOrigin | 'dwarf';
  readonly place?: string;
  readonly outcome: 'used' | 'passed over' | 'not found' | 'not asked';
  readonly detail: string;
}
