/** `hcr reload`: patch every function that was edited, without naming any. */
import type { Command } from 'commander';
import { answerPatch } from './answer-patch.js';
import { parsePid } from './arguments.js';
import type { CommandContext } from './context.js';
import {
  addBuildOptions,
  addDiffOption,
  addOutputOptions,
  addTransactionOptions,
  examples,
  type RawPatchOptions,
  readPatchOptions,
} from './options.js';

const EXAMPLES = examples(
  'hcr reload 4711                  patch whatever was edited since the program was built',
  'hcr reload 4711 net.c util.h     only what is made of these files',
  'hcr reload 4711 --dry-run        see what would be patched, and why',
  'hcr reload 4711 --dry-run --diff  and the code before and after',
);

async function reload(
  context: CommandContext,
  pid: number,
  files: readonly string[],
  options: RawPatchOptions,
): Promise<void> {
  const { reloadChanged } = await import('../app/reload.js');
  await answerPatch(context, options, 'patch', (progress) =>
    reloadChanged(pid, files, readPatchOptions(options), progress),
  );
}

export function addReload(program: Command, context: CommandContext): void {
  const command = program
    .command('reload')
    .summary('patch every edited function of a running process')
    .description(
      'Compiles the files that are newer than the program, or those named, and makes every function live that differs from the running code, all at once or not at all.',
    )
    .argument('<pid>', 'process id', parsePid)
    .argument('[file...]', 'sources or headers to look at');
  addBuildOptions(command);
  addDiffOption(command);
  addTransactionOptions(command);
  addOutputOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((pid: number, files: readonly string[], options: RawPatchOptions) =>
      reload(context, pid, files, options),
    );
}
