/** The command line as a whole: its commands, and what becomes of a mistake in using them. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { EXIT } from '../core/exit-codes.js';
import { HcrError } from '../core/failure.js';
import { addAttach } from './attach.js';
import type { CommandContext } from './context.js';
import { addDoctor } from './doctor.js';
import { asHcrError } from './failure-output.js';
import { addFunctions } from './functions.js';
import { addReload } from './reload.js';
import { addRollback } from './rollback.js';
import { addRun } from './run.js';
import { addStatus } from './status.js';
import { addTui } from './tui.js';
import type { OutputOptions, Terminal } from './terminal.js';
import { addWatch } from './watch.js';

const AFTER_HELP = `
Examples:
  hcr attach 4711 --func f1                make the edited f1 live in process 4711
  hcr reload 4711                          make everything live that was edited
  hcr watch 4711                           the same with each save, until it ends
  hcr status 4711                          what is patched there
  hcr rollback 4711                        undo the last patch
  hcr run --on SIGINT --func f1 -- ./main  Ctrl+C reloads f1

Exit codes:
  0 done   1 fault in hcr   2 wrong usage   3 cannot attach
  4 refused, nothing changed   5 does not compile   6 no safe moment in time`;

function ownVersion(): string {
  const manifest: unknown = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  return (manifest as { readonly version: string }).version;
}

export function buildProgram(context: CommandContext): Command {
  const { stdout, stderr } = context.terminal;
  const program = new Command('hcr')
    .description('Patches functions of running programs: edit, recompile, live, without a restart.')
    .version(ownVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      // Errors are thrown as well, and printed in hcr's own form.
      outputError: () => undefined,
      getOutHelpWidth: () => context.terminal.look.width ?? 100,
      getErrHelpWidth: () => context.terminal.errorLook.width ?? 100,
    })
    .hook('preAction', (_, command) => {
      context.output = command.opts<OutputOptions>();
    })
    .addHelpText('after', AFTER_HELP);
  for (const add of [
    addAttach,
    addReload,
    addWatch,
    addRun,
    addFunctions,
    addStatus,
    addRollback,
    addTui,
    addDoctor,
  ]) {
    add(program, context);
  }
  return program;
}

/** Before the options are parsed, a look for --json is all there is; the program's own don't count. */
function guessOutput(args: readonly string[]): OutputOptions {
  const end = args.indexOf('--');
  return { json: args.slice(0, end < 0 ? args.length : end).includes('--json') };
}

function usageError(error: CommanderError, program: Command): HcrError {
  const text = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  const detail = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  const commands = program.commands.map((command) => command.name()).join(', ');
  return new HcrError({
    code: 'usage',
    detail: `${detail}${detail.endsWith(')') ? '' : '.'}`,
    ...(error.code === 'commander.unknownCommand'
      ? { advice: `The commands are ${commands}; see \`hcr --help\`.` }
      : {}),
  });
}

/**
 * Runs one command line to its end. Never throws: every failure is printed.
 *
 * @param args without the interpreter and the script
 * @returns the exit code
 */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  const context: CommandContext = { terminal, output: undefined, exitCode: EXIT.done };
  const program = buildProgram(context);
  try {
    await program.parseAsync(args, { from: 'user' });
    return context.exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return EXIT.done;
      // Help was printed in place of a missing command.
      if (thrown.code === 'commander.help') return EXIT.usage;
    }
    const error =
      thrown instanceof CommanderError ? usageError(thrown, program) : asHcrError(thrown);
    terminal.fail(context.output ?? guessOutput(args), error);
    return error.exitCode;
  }
}
