/** `hcr tui`: the cockpit for a running program. */
import { type Command, Option } from 'commander';
import { parsePid } from './arguments.js';
import { leaveSignals } from './exit-on-signal.js';
import type { Look } from '../terminal/look.js';
import { printable } from '../terminal/printable.js';
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
    await showPlainly(context, pid, options.module);
    return;
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

/** Of functions; `hcr functions` lists all. */
const MOST_PLAIN_LINES = 40;

/** Where nothing can be drawn: what the cockpit would show first, and the commands that do the rest. */
async function showPlainly(
  context: CommandContext,
  pid: number,
  module: string | undefined,
): Promise<void> {
  const [{ readStatus }, { listFunctions }, { formatStatus }, { formatFunctions }] =
    await Promise.all([
      import('../app/status.js'),
      import('../app/functions.js'),
      import('./format-status.js'),
      import('./format-functions.js'),
    ]);
  const { terminal } = context;
  const status = await readStatus(pid);
  const listed = await listFunctions(pid, undefined, module);
  const functions = listed.functions.slice(0, MOST_PLAIN_LINES);
  const more = listed.functions.length - functions.length;
  const text = (look: Look): string =>
    [
      formatStatus(printable(status), look),
      '',
      formatFunctions(printable({ ...listed, functions, notes: [] }), look),
      ...(more > 0 ? [`… and ${more.toLocaleString('en')} more: hcr functions ${pid}`] : []),
      '',
      'The cockpit needs a terminal that can be drawn on. Without one:',
      `  hcr functions ${pid} [PATTERN]   what can be patched`,
      `  hcr reload ${pid}                make live what was edited`,
      `  hcr watch ${pid}                 the same with each save`,
      `  hcr rollback ${pid}              take the last patch back`,
    ].join('\n');
  terminal.stdout.write(`${text(terminal.look)}\n`);
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
