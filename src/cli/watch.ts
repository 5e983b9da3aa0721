/** `hcr watch`: keep patching a process as its files are saved. */
import type { Command } from 'commander';
import type { WatchEvent } from '../app/watch-event.js';
import { parsePid } from './arguments.js';
import type { CommandContext } from './context.js';
import { printable, printableJson } from './printable.js';
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
  'hcr watch 4711 --json                   one JSON object per event, for editors',
);

async function watch(
  context: CommandContext,
  pid: number,
  options: RawPatchOptions & FeedbackOptions,
): Promise<void> {
  const [{ WatchSession }, { formatWatchEvent, watchEventJson }] = await Promise.all([
    import('../app/watch.js'),
    import('./format-watch.js'),
  ]);
  const { stdout, stderr, errorLook } = context.terminal;
  const animates = options.json !== true && options.quiet !== true;
  using feedback = new WatchFeedback(stderr, errorLook, options, animates);
  await new Promise<void>((resolve) => {
    const tell = (event: WatchEvent): void => {
      feedback.take(event);
      if (options.json === true) stdout.write(`${printableJson(watchEventJson(event))}\n`);
      else {
        const line = formatWatchEvent(printable(event), errorLook, options);
        if (line !== undefined) stderr.write(`${line}\n`);
      }
      if (event.kind === 'ended') resolve();
    };
    new WatchSession(pid, { patch: readPatchOptions(options) }, tell);
  });
}

export function addWatch(program: Command, context: CommandContext): void {
  const command = program
    .command('watch')
    .summary('keep patching a running process as its files are saved')
    .description(
      'Compiles what is saved and makes it live, for as long as the process runs. hcr is attached to it only for the moment of a patch. Ctrl+C ends the watch and leaves the process as it is.',
    )
    .argument('<pid>', 'process id', parsePid);
  addFeedbackOptions(command);
  addBuildOptions(command);
  addTransactionOptions(command);
  addOutputOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((pid: number, options: RawPatchOptions & FeedbackOptions) =>
      watch(context, pid, options),
    );
}
