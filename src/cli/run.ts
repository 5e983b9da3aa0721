/** `hcr run`: start a program under hcr, which reloads it when a signal comes. */
import type { Command } from 'commander';
import type { RunEvent } from '../app/report.js';
import type { WatchEvent } from '../app/watch-event.js';
import { parseSignal } from './arguments.js';
import type { CommandContext } from './context.js';
import { printable, printableJson } from '../terminal/printable.js';
import { addCrashOption, crashHandling, type CrashChoiceOption } from './crash-option.js';
import {
  addBuildOptions,
  addFeedbackOptions,
  addFunctionOption,
  addOutputOptions,
  addTransactionOptions,
  examples,
  type RawPatchOptions,
  readPatchOptions,
} from './options.js';
import { PoliteLines } from './polite-lines.js';
import { type FeedbackOptions, WatchFeedback } from './watch-feedback.js';

interface RunOptions extends RawPatchOptions, FeedbackOptions {
  readonly on?: string;
  readonly watch?: boolean;
  readonly onCrash: CrashChoiceOption;
}

const EXAMPLES = examples(
  'hcr run --on SIGINT --func f1 -- ./main   Ctrl+C reloads f1; ./main does not see the signal',
  'hcr run --on HUP -- ./server --port 80    SIGHUP reloads what was edited',
  'hcr run --watch -- ./game                 every save goes live',
);

async function run(
  context: CommandContext,
  command: readonly string[],
  options: RunOptions,
): Promise<void> {
  const [
    { runProgram },
    { isScreenTaken },
    { formatRunEvent, runEventJson },
    { formatWatchEvent, watchEventJson },
  ] = await Promise.all([
    import('../app/run.js'),
    import('../app/terminal-mode.js'),
    import('./format-run.js'),
    import('./format-watch.js'),
  ]);
  const { stderr, errorLook } = context.terminal;
  // stdout is the program's, so that even JSON goes to stderr: one object a line.
  using lines = new PoliteLines(stderr, isScreenTaken);
  const say = (json: () => object, line: () => string | undefined): void => {
    const text = options.json === true ? printableJson(json()) : line();
    if (text !== undefined) lines.write(text);
  };
  const tell = (event: RunEvent): void => {
    say(
      () => runEventJson(event),
      () => formatRunEvent(printable(event), errorLook, options),
    );
    // It stands, and somebody is asked what comes next: this cannot wait.
    if (event.kind === 'crashed') lines[Symbol.dispose]();
  };
  using feedback = new WatchFeedback(stderr, errorLook, options, false);
  const tellOfWatch = (event: WatchEvent): void => {
    feedback.take(event);
    // Who started it knows what is watched.
    const isNews = event.kind !== 'watching' || options.verbose === true;
    say(
      () => watchEventJson(event),
      () => (isNews ? formatWatchEvent(printable(event), errorLook, options) : undefined),
    );
  };
  const choice = {
    ...(options.on === undefined ? {} : { on: options.on }),
    functions: options.func ?? [],
    patch: readPatchOptions(options),
    crashes: crashHandling(options),
  };
  context.exitCode =
    options.watch === true
      ? await runProgram(command, choice, tell, tellOfWatch)
      : await runProgram(command, choice, tell);
}

export function addRun(program: Command, context: CommandContext): void {
  const command = program
    .command('run')
    .summary('start a program and reload it on a signal or with each save')
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
    .option('--watch', 'reload with each save of a source or header')
    .passThroughOptions();
  addFeedbackOptions(command);
  addCrashOption(command);
  addFunctionOption(command);
  addBuildOptions(command);
  addTransactionOptions(command);
  addOutputOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((words: string[], options: RunOptions) => run(context, words, options));
}
