/** What the commands share: where they write, and the exit code when it is not the usual one. */
import type { OutputOptions, Terminal } from './terminal.js';

export interface CommandContext {
  readonly terminal: Terminal;
  /** Of the command that runs; set once its arguments are found right. */
  output: OutputOptions | undefined;
  exitCode: number;
}
