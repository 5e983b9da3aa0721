/** `hcr watch`: keep patching a process as its files are saved. */
import type { Command } from 'commander';
import type { WatchEvent } from '../app/watch-event.js';
import { parsePid } from './arguments.js';
import type { CommandContext } from './context.js';
import { printable, printableJson } from '../terminal/printable.js';
import { addCrashOption, crashHandling, type CrashChoiceOption } from './crash-option.js';
import {
  addBuildOptions,
  addFeedbackOptions,
  addOutputOptions,
  addTransactionOptions,
  examples,
  type RawPatchOptions,
  readPatchOptions,
} from './options.js';
import { type FeedbackOptions, WatchFeedback } from './watch-feedback.js';

const EXAMPLES = examples(
  'hcr watch 4711                          edit, save, live; Ctrl+C ends the watch, not the program',
  'hcr watch 4711 --compile-commands build the flags of that build',
  'hcr watch 4711 --guard                  stay attached; new code that crashes does not end the process',
  'hcr watch 4711 --json                   one JSON object per event, for editors',
);

interface WatchCommandOptions extends RawPatchOptions, FeedbackOptions {
  readonly guard?: boolean;
  readonly onCrash: CrashChoiceOption;
}

async function watch(
  context: CommandContext,
  pid: number,
  options: WatchCommandOptions,
): Promise<void> {
  const [
    { WatchSession },
    { GuardedWatch },
    { formatWatchEvent, watchEventJson },
    { formatCrashEvent, crashEventJson },
  ] = await Promise.all([
    import('../app/watch.js'),
    import('../app/guarded-watch.js'),
    import('./format-watch.js'),
    import('./format-crash.js'),
  ]);
  const { stdout, stderr, errorLook } = context.terminal;
  const animates = options.json !== true && options.quiet !== true;
  using feedback = new WatchFeedback(stderr, errorLook, options, animates);
  const say = (json: object, line: string | undefined): void => {
    if (options.json === true) stdout.write(`${printableJson(json)}\n`);
    else if (line !== undefined) stderr.write(`${line}\n`);
  };
  await new Promise<void>((resolve) => {
    const tell = (event: WatchEvent): void => {
      feedback.take(event);
      say(watchEventJson(event), formatWatchEvent(printable(event), errorLook, options));
      if (event.kind === 'ended') resolve();
    };
    const patch = readPatchOptions(options);
    if (options.guard !== true) new WatchSession(pid, { patch }, tell);
    else
      new GuardedWatch(pid, { patch }, crashHandling(options), tell, (event) => {
        say(crashEventJson(event), formatCrashEvent(printable(event), errorLook));
      });
  });
}

export function addWatch(program: Command, context: CommandContext): void {
  const command = program
    .command('watch')
    .summary('keep patching a running process as its files are saved')
    .description(
      'Compiles what is saved and makes it live, for as long as the process runs. hcr is attached to it only for the moment of a patch. Ctrl+C ends the watch and leaves the process as it is.',
    )
    .argument('<pid>', 'process id', parsePid)
    .option(
      '--guard',
      'stay attached between patches and deal with crashes of new code; each signal of the process then takes a stop',
    );
  addCrashOption(command);
  addFeedbackOptions(command);
  addBuildOptions(command);
  addTransactionOptions(command);
  addOutputOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((pid: number, options: WatchCommandOptions) => watch(context, pid, options));
}
