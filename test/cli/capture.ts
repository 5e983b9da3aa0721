import { Terminal } from '../../src/cli/terminal.js';
import type { Look } from '../../src/terminal/look.js';
import { runCommandLine } from '../../src/cli/program.js';

export const PLAIN: Look = { colour: false, unicode: true, width: undefined, rewritable: false };
export const ASCII: Look = { ...PLAIN, unicode: false };

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line with streams that only remember. */
export async function hcr(...args: readonly string[]): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  const terminal = new Terminal(
    { write: (text) => (stdout += text) },
    { write: (text) => (stderr += text) },
    { LANG: 'C.UTF-8' },
  );
  const exitCode = await runCommandLine(args, terminal);
  return { exitCode, stdout, stderr };
}
