/** `hcr doctor`: can this machine, or this process, be patched. */
import type { Command } from 'commander';
import { EXIT } from '../core/exit-codes.js';
import { parsePid } from './arguments.js';
import type { CommandContext } from './context.js';
import { addOutputOptions, examples } from './options.js';
import type { OutputOptions } from './terminal.js';

const EXAMPLES = examples(
  'hcr doctor        is this machine ready',
  'hcr doctor 4711   can this process be patched, and if not why',
);

async function doctor(
  context: CommandContext,
  pid: number | undefined,
  options: OutputOptions,
): Promise<void> {
  const [{ diagnose }, { formatDoctor }] = await Promise.all([
    import('../app/doctor.js'),
    import('./format-doctor.js'),
  ]);
  const report = await diagnose(pid);
  context.terminal.answer(options, report, (found) => ({ ok: true, ...found }), formatDoctor);
  context.exitCode = report.patchable ? EXIT.done : EXIT.refused;
}

export function addDoctor(program: Command, context: CommandContext): void {
  const command = program
    .command('doctor')
    .summary('say whether this machine or a process can be patched')
    .description(
      'Checks each condition and says what to do about those that fail. Exits with 4 when one does.',
    )
    .argument('[pid]', 'process id', parsePid);
  addOutputOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((pid: number | undefined, options: OutputOptions) => doctor(context, pid, options));
}
