/** `hcr status`: what hcr did to a process. */
import type { Command } from 'commander';
import { parsePid } from './arguments.js';
import type { CommandContext } from './context.js';
import { addOutputOptions, examples } from './options.js';
import type { OutputOptions } from './terminal.js';

const EXAMPLES = examples('hcr status 4711', 'hcr status 4711 --json | jq .generation');

async function status(context: CommandContext, pid: number, options: OutputOptions): Promise<void> {
  const [{ readStatus }, { formatStatus }] = await Promise.all([
    import('../app/status.js'),
    import('./format-status.js'),
  ]);
  const report = await readStatus(pid);
  context.terminal.answer(options, report, (found) => ({ ok: true, ...found }), formatStatus);
}

export function addStatus(program: Command, context: CommandContext): void {
  const command = program
    .command('status')
    .summary('show generations, patched functions and memory')
    .description('Shows which generations a process has, what is patched, and the memory it takes.')
    .argument('<pid>', 'process id', parsePid);
  addOutputOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((pid: number, options: OutputOptions) => status(context, pid, options));
}
