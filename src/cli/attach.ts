/** `hcr attach`: patch the functions named, once. */
import type { Command } from 'commander';
import { HcrError } from '../core/failure.js';
import { answerPatch } from './answer-patch.js';
import { openCockpit } from './tui.js';
import { parsePid } from './arguments.js';
import type { CommandContext } from './context.js';
import {
  addBuildOptions,
  addDiffOption,
  addFunctionOption,
  addOutputOptions,
  addTransactionOptions,
  examples,
  type RawPatchOptions,
  readPatchOptions,
} from './options.js';

const EXAMPLES = examples(
  'hcr attach 4711 --func f1                     recompile f1 and make it live',
  'hcr attach 4711 --func net.c:parse --func g   a static function of net.c, and g',
  'hcr attach 4711 --func f1 --dry-run           see what would be patched',
  "hcr attach 4711 --func f1 --cflags '-DNDEBUG -Iinclude'",
  'hcr attach $(pidof srv) --func f1 --object build/f1.o --json',
);

async function attach(
  context: CommandContext,
  pid: number,
  options: RawPatchOptions,
): Promise<void> {
  const { func: names } = options;
  if (names === undefined) {
    const { look } = context.terminal;
    if (look.width !== undefined && process.stdin.isTTY && options.json !== true) {
      await openCockpit(context, pid, options);
      return;
    }
    throw new HcrError({
      code: 'usage',
      detail: 'No function is named.',
      advice: `Name at least one with --func NAME; \`hcr functions ${pid}\` lists them.`,
    });
  }
  const { attachFunctions } = await import('../app/attach.js');
  await answerPatch(context, options, 'patch', (progress) =>
    attachFunctions(pid, names, readPatchOptions(options), progress),
  );
}

export function addAttach(program: Command, context: CommandContext): void {
  const command = program
    .command('attach')
    .summary('patch functions of a running process')
    .description(
      'Recompiles the functions named and makes the new code live in the process, which goes on running.',
    )
    .argument('<pid>', 'process id', parsePid);
  addFunctionOption(command);
  addBuildOptions(command);
  addDiffOption(command);
  addTransactionOptions(command);
  addOutputOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((pid: number, options: RawPatchOptions) => attach(context, pid, options));
}
