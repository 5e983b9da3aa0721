/** `hcr tui`: the cockpit for a running program. */
import { type Command, Option } from 'commander';
import { HcrError } from '../core/failure.js';
import { parsePid } from './arguments.js';
import { leaveSignals } from './exit-on-signal.js';
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

interface CockpitCommandOptions extends RawPatchOptions {
  readonly guard?: boolean;
  readonly on?: 'SIGINT';
}

export async function openCockpit(
  context: CommandContext,
  pid: number,
  options: CockpitCommandOptions,
): Promise<void> {
  if (!context.terminal.look.rewritable || !process.stdin.isTTY) {
    throw new HcrError({
      code: 'usage',
      detail: 'hcr tui needs a terminal that can be drawn on.',
      advice: `Use \`hcr functions ${pid}\`, \`hcr status ${pid}\` and \`hcr reload ${pid}\` in scripts and on a dumb terminal.`,
    });
  }
  const { runCockpit } = await importForTerminal();
  leaveSignals();
  context.exitCode = await runCockpit({
    pid,
    patch: readPatchOptions(options),
    environment: process.env,
    isGuarded: options.guard === true,
    reloadsOnInterrupt: options.on === 'SIGINT',
  });
}

/** What makes Ink and its colours believe that nobody looks. */
const BUILD_SERVER = ['CI', 'CONTINUOUS_INTEGRATION'] as const;

/** Ink draws nothing where it takes the environment for that of a build server; this is a terminal. It
 *  looks when it is loaded. */
async function importForTerminal(): Promise<typeof import('../tui/run-cockpit.js')> {
  const { env } = process;
  const kept = BUILD_SERVER.map((name) => [name, env[name]] as const);
  for (const name of BUILD_SERVER) Reflect.deleteProperty(env, name);
  try {
    return await import('../tui/run-cockpit.js');
  } finally {
    for (const [name, value] of kept) if (value !== undefined) env[name] = value;
  }
}

export function addTui(program: Command, context: CommandContext): void {
  const command = program
    .command('tui')
    .summary('the cockpit: search, patch, watch, roll back')
    .description(
      'Shows a running program: its functions, what differs from their sources, threads, generations. Nothing stops the program except a patch.',
    )
    .argument('<pid>', 'process id', parsePid)
    .option(
      '--guard',
      'stay attached and deal with crashes of new code; each signal of the process then takes a stop',
    )
    .addOption(
      new Option(
        '--on <signal>',
        'signal to hcr that reloads what was edited, as Ctrl+C does',
      ).choices(['SIGINT']),
    );
  addBuildOptions(command);
  addTransactionOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((pid: number, options: CockpitCommandOptions) => openCockpit(context, pid, options));
}
