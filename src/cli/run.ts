/** `hcr run`: start a program under hcr, which reloads it when a signal comes. */
import type { Command } from 'commander';
import type { RunEvent } from '../app/report.js';
import { parseSignal } from './arguments.js';
import type { CommandContext } from './context.js';
import {
  addBuildOptions,
  addFunctionOption,
  addOutputOptions,
  addTransactionOptions,
  examples,
  type RawPatchOptions,
  readPatchOptions,
} from './options.js';

interface RunOptions extends RawPatchOptions {
  readonly on?: string;
}

const EXAMPLES = examples(
  'hcr run --on SIGINT --func f1 -- ./main   Ctrl+C reloads f1; ./main does not see the signal',
  'hcr run --on HUP -- ./server --port 80    SIGHUP reloads what was edited',
);

async function run(
  context: CommandContext,
  command: readonly string[],
  options: RunOptions,
): Promise<void> {
  const [{ runProgram }, { formatRunEvent, runEventJson }] = await Promise.all([
    import('../app/run.js'),
    import('./format-run.js'),
  ]);
  const { stderr, errorLook } = context.terminal;
  const tell = (event: RunEvent): void => {
    // stdout is the program's, so that even JSON goes to stderr: one object a line.
    if (options.json === true) stderr.write(`${JSON.stringify(runEventJson(event))}\n`);
    else {
      const line = formatRunEvent(event, errorLook, options);
      if (line !== undefined) stderr.write(`${line}\n`);
    }
  };
  const choice = {
    ...(options.on === undefined ? {} : { on: options.on }),
    functions: options.func ?? [],
    patch: readPatchOptions(options),
  };
  context.exitCode = await runProgram(command, choice, tell);
}

export function addRun(program: Command, context: CommandContext): void {
  const command = program
    .command('run')
    .summary('start a program and reload it on a signal')
    .description(
      'Starts a program under hcr. It keeps its terminal, input, output and exit code; hcr writes one line per reload to stderr (with --json, one object per event).',
    )
    .usage('[options] -- <command> [args...]')
    .argument('<command...>', 'program and its arguments')
    .option(
      '--on <signal>',
      'signal that triggers a reload instead of reaching the program',
      parseSignal,
    )
    .passThroughOptions();
  addFunctionOption(command);
  addBuildOptions(command);
  addTransactionOptions(command);
  addOutputOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((words: string[], options: RunOptions) => run(context, words, options));
}
