/** What the parts of the benchmark have in common. */
import type { Debugger } from './by-hand.js';
import type { CommandRunner } from './command.js';
import type { Hcr } from './hcr.js';
import type { Programs } from './programs.js';

export interface Bench {
  readonly programs: Programs;
  readonly commands: CommandRunner;
  readonly hcr: Hcr;
  readonly gdb: Debugger;
  /** Says what is being measured. */
  readonly say: (text: string) => void;
}

/** Measures one thing and describes it in Markdown, from its second-level heading on. */
export type Section = (bench: Bench) => Promise<string>;
