/** `hcr reload`: patch every function that was edited, without naming any. */
import type { Command } from 'commander';
import { answerPatch } from './answer-patch.js';
import { EXIT } from '../core/exit-codes.js';
import { HcrError } from '../core/failure.js';
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
  'hcr reload --all redis-server    every process of this name, compiled once',
  'hcr reload --all 4711 4712 -- net.c',
  'hcr reload --tree 4711 net.c     a process and all that descend from it',
);

interface ReloadOptions extends RawPatchOptions {
  readonly all?: readonly string[];
  readonly tree?: number;
}

async function reloadMany(
  context: CommandContext,
  files: readonly string[],
  options: ReloadOptions,
): Promise<void> {
  const [{ chooseProcesses, reloadProcesses }, { formatOutcomes, outcomesJson }] =
    await Promise.all([import('../app/reload-many.js'), import('./format-outcomes.js')]);
  const outcomes = await context.terminal.whileReporting(options, (progress) =>
    reloadProcesses(chooseProcesses(options), files, readPatchOptions(options), progress),
  );
  context.terminal.answer(options, outcomes, outcomesJson, formatOutcomes);
  context.exitCode = Math.max(
    ...outcomes.map((each) => ('error' in each ? each.error.exitCode : EXIT.done)),
  );
}

async function reload(
  context: CommandContext,
  words: readonly string[],
  options: ReloadOptions,
): Promise<void> {
  if (options.all !== undefined || options.tree !== undefined) {
    await reloadMany(context, words, options);
    return;
  }
  const [word, ...files] = words;
  if (word === undefined) {
    throw new HcrError({
      code: 'usage',
      detail: 'No process is named.',
      advice: 'Give its id, or a name with --all.',
    });
  }
  const pid = parsePid(word);
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
    .usage('[options] <pid> [file...]')
    .argument('[words...]', 'process id, then sources or headers to look at')
    .option('--all <process...>', 'all these processes, by name or id; files follow after --')
    .option('--tree <pid>', 'this process and all that descend from it', parsePid);
  addBuildOptions(command);
  addDiffOption(command);
  addTransactionOptions(command);
  addOutputOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((words: readonly string[], options: ReloadOptions) => reload(context, words, options));
}
