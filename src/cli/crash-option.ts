/** `--on-crash`: what becomes of a program whose new code crashes. */
import { type Command, Option } from 'commander';
import { CRASH_CHOICES, type CrashHandling, type CrashPolicy } from '../app/crash-report.js';
import { HcrError } from '../core/failure.js';
import { askAboutCrash } from './crash-dialogue.js';
import { printable } from '../terminal/printable.js';
import type { OutputOptions } from './terminal.js';

export interface CrashChoiceOption {
  readonly policy: CrashPolicy;
  readonly returnValue?: string;
}

const POLICIES: readonly CrashPolicy[] = ['ask', ...CRASH_CHOICES];

/** `ask`, `crash`, `return=-1`.
 *  @throws HcrError `usage` */
export function parseCrashPolicy(text: string): CrashChoiceOption {
  const [word, value, ...more] = text.split('=');
  const policy = POLICIES.find((each) => each === word);
  if (policy !== undefined && value === undefined) return { policy };
  if (policy === 'return' && value !== undefined && more.length === 0)
    return { policy, returnValue: value };
  throw new HcrError({
    code: 'usage',
    detail: `'${text}' is not a way to deal with a crash.`,
    advice: `Give one of ${POLICIES.join(', ')}, or return=VALUE.`,
  });
}

export function addCrashOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--on-crash <what>',
      'when new code crashes: ask on the terminal, return[=VALUE] to its caller, call the previous version, retry after the next edit, stop for a debugger, or crash',
    )
      .argParser(parseCrashPolicy)
      .default(
        { policy: 'ask' } satisfies CrashChoiceOption,
        'ask; crash where nobody can be asked',
      ),
  );
}

export function crashHandling({
  onCrash,
  json,
}: OutputOptions & { readonly onCrash: CrashChoiceOption }): CrashHandling {
  // A program that reads JSON has no use for questions on a terminal.
  const ask: CrashHandling['ask'] =
    json === true
      ? () => Promise.resolve(undefined)
      : (report, over) => askAboutCrash(printable(report), over);
  return { ...onCrash, ask };
}
