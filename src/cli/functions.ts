/** `hcr functions`: what can be patched. */
import type { Command } from 'commander';
import { parsePid } from './arguments.js';
import type { CommandContext } from './context.js';
import { addOutputOptions, examples } from './options.js';
import type { OutputOptions } from './terminal.js';

interface FunctionsOptions extends OutputOptions {
  readonly module?: string;
}

const EXAMPLES = examples(
  'hcr functions 4711                      every function with debug information',
  "hcr functions 4711 'parse*'             those whose name fits",
  'hcr functions 4711 --module libfoo.so   those of one shared object',
);

async function functions(
  context: CommandContext,
  pid: number,
  pattern: string | undefined,
  options: FunctionsOptions,
): Promise<void> {
  const [{ listFunctions }, { formatFunctions }] = await Promise.all([
    import('../app/functions.js'),
    import('./format-functions.js'),
  ]);
  const report = await listFunctions(pid, pattern, options.module);
  context.terminal.answer(options, report, (found) => ({ ok: true, ...found }), formatFunctions);
}

export function addFunctions(program: Command, context: CommandContext): void {
  const command = program
    .command('functions')
    .summary('list what can be patched')
    .description('Lists functions with their source, their state, and where copies are inlined.')
    .argument('<pid>', 'process id', parsePid)
    .argument('[pattern]', 'part of a name, or a pattern with * and ?')
    .option('--module <name>', 'only those of this executable or shared object');
  addOutputOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((pid: number, pattern: string | undefined, options: FunctionsOptions) =>
      functions(context, pid, pattern, options),
    );
}
