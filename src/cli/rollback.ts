/** `hcr rollback`: make an earlier generation live again. */
import type { Command } from 'commander';
import { answerPatch } from './answer-patch.js';
import { parseGeneration, parsePid } from './arguments.js';
import type { CommandContext } from './context.js';
import { addOutputOptions, addTransactionOptions, examples } from './options.js';
import type { OutputOptions } from './terminal.js';

interface RollbackOptions extends OutputOptions {
  readonly to?: number;
  readonly dryRun?: boolean;
  readonly whenIdle?: boolean;
  readonly timeout: number;
}

const EXAMPLES = examples(
  'hcr rollback 4711          one generation back',
  'hcr rollback 4711 --to 0   the code the program was started with',
);

async function rollback(
  context: CommandContext,
  pid: number,
  options: RollbackOptions,
): Promise<void> {
  const { rollBack } = await import('../app/rollback.js');
  const choice = {
    ...(options.to === undefined ? {} : { to: options.to }),
    dryRun: options.dryRun ?? false,
    whenIdle: options.whenIdle ?? false,
    timeoutMs: options.timeout,
  };
  await answerPatch(context, options, 'rollback', (progress) => rollBack(pid, choice, progress));
}

export function addRollback(program: Command, context: CommandContext): void {
  const command = program
    .command('rollback')
    .summary('go back to an earlier generation')
    .description('Makes an earlier generation of the code live again; 0 is the original program.')
    .argument('<pid>', 'process id', parsePid)
    .option('--to <generation>', 'generation to go to (default: one back)', parseGeneration);
  addTransactionOptions(command);
  addOutputOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((pid: number, options: RollbackOptions) => rollback(context, pid, options));
}
