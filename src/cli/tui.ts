/** `hcr tui`: the cockpit for a running program. */
import type { Command } from 'commander';
import { HcrError } from '../core/failure.js';
import { parsePid } from './arguments.js';
import type { CommandContext } from './context.js';
import {
  addBuildOptions,
  addTransactionOptions,
  examples,
  type RawPatchOptions,
  readPatchOptions,
} from './options.js';

const EXAMPLES = examples(
  'hcr tui 4711                      functions, sources, threads and generations of process 4711',
  'NO_COLOR=1 hcr tui 4711           the same without colours',
);

export async function openCockpit(
  context: CommandContext,
  pid: number,
  options: RawPatchOptions,
): Promise<void> {
  if (!context.terminal.look.rewritable || !process.stdin.isTTY) {
    throw new HcrError({
      code: 'usage',
      detail: 'hcr tui needs a terminal that can be drawn on.',
      advice: `Use \`hcr functions ${pid}\`, \`hcr status ${pid}\` and \`hcr reload ${pid}\` in scripts and on a dumb terminal.`,
    });
  }
  const { runCockpit } = await importForTerminal();
  await runCockpit({ pid, patch: readPatchOptions(options), environment: process.env });
}

/** Ink draws nothing where it takes the environment for that of a build server; this is a terminal. */
async function importForTerminal(): Promise<typeof import('../tui/run-cockpit.js')> {
  const { CI } = process.env;
  process.env['CI'] = 'false';
  try {
    return await import('../tui/run-cockpit.js');
  } finally {
    if (CI === undefined) delete process.env['CI'];
    else process.env['CI'] = CI;
  }
}

export function addTui(program: Command, context: CommandContext): void {
  const command = program
    .command('tui')
    .summary('the cockpit: search, patch, watch, roll back')
    .description(
      'Shows a running program: its functions, what differs from their sources, threads, generations. Nothing stops the program except a patch.',
    )
    .argument('<pid>', 'process id', parsePid);
  addBuildOptions(command);
  addTransactionOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((pid: number, options: RawPatchOptions) => openCockpit(context, pid, options));
}
