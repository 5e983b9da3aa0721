/** New code has crashed while the guard is on: what the user is asked, and what comes of the answer. */
import type { CrashChoice, CrashEvent } from '../../app/crash-report.js';
import { describeCrash, describeSettlement } from '../../terminal/crash-words.js';
import { codeOf } from '../../terminal/quantity.js';
import { compared, logged, withoutOverlay } from './changes.js';
import type { Command } from './commands.js';
import { request } from './outbox.js';
import type { Cockpit, Crash, LogEntry } from './state.js';

/** The choices, while no value to return is being typed. */
export const CRASH_QUESTION = { kind: 'crash', value: undefined } as const;

export function afterCrashEvent(cockpit: Cockpit, event: CrashEvent, at: number): Cockpit {
  const log = (state: Cockpit, tone: LogEntry['tone'], text: string): Cockpit =>
    logged(state, { at, tone, text });
  switch (event.kind) {
    case 'crashed': {
      const { report } = event;
      const crash: Crash = { report, step: 'asking', refusal: undefined };
      const asked: Cockpit = { ...cockpit, crash, overlay: CRASH_QUESTION };
      const told = log(asked, 'bad', `${describeCrash(report)}: the program stands.`);
      return report.rolledBack.length === 0
        ? told
        : log(
            compared(told),
            'warning',
            `Rolled back ${report.rolledBack.join(', ')}: ${codeOf(report.liveGeneration)} is live.`,
          );
    }
    case 'awaiting-edit':
      return log(
        withCrash(withoutOverlay(cockpit, 'crash'), { step: 'awaiting-edit' }),
        'warning',
        `Waiting for an edit of ${event.source}: save it, and the call is made again.`,
      );
    case 'crash-refused': {
      const refusal = `Cannot ${event.choice}: ${event.detail}`;
      const again: Cockpit =
        cockpit.crash === undefined ? cockpit : { ...cockpit, overlay: CRASH_QUESTION };
      return log(withCrash(again, { step: 'asking', refusal }), 'warning', refusal);
    }
    case 'crash-unhandled':
      return log(withoutCrash(cockpit), 'bad', `hcr cannot help with the crash: ${event.detail}`);
    case 'crash-settled': {
      const settled = log(
        withoutCrash(cockpit),
        event.choice === 'crash' ? 'bad' : 'good',
        `After the crash: ${describeSettlement(event)}.`,
      );
      // It is the debugger's from now on.
      return event.choice === 'debugger'
        ? request(
            { ...settled, isGuarded: false },
            { kind: 'debug', row: undefined, isStopped: true },
          )
        : settled;
    }
  }
}

/** Only one answer is given to a question. */
export function choose(cockpit: Cockpit, choice: CrashChoice): Cockpit {
  const { crash } = cockpit;
  if (crash?.step !== 'asking') return cockpit;
  const { report } = crash;
  const why = report.impossible[choice];
  if (why !== undefined) return withCrash(cockpit, { refusal: `Cannot ${choice}: ${why}` });
  if (choice === 'return' && report.returns !== 'nothing') return withValue(cockpit, '');
  return answer(cockpit, choice);
}

/** The value that was typed, for `return`. */
function answer(cockpit: Cockpit, choice: CrashChoice, value?: string): Cockpit {
  if (cockpit.crash?.step !== 'asking') return cockpit;
  const given = { choice, ...(value === undefined ? {} : { value }) };
  const answered = withCrash(cockpit, { step: 'answered', refusal: undefined });
  return request({ ...answered, overlay: CRASH_QUESTION }, { kind: 'answer-crash', answer: given });
}

/** While the value is typed that the function is to return. */
export function editValue(cockpit: Cockpit, value: string, command: Command): Cockpit {
  switch (command) {
    case 'erase':
      return withValue(cockpit, Array.from(value).slice(0, -1).join(''));
    case 'accept':
      return value.trim() === '' ? cockpit : answer(cockpit, 'return', value.trim());
    case 'clear':
      return { ...cockpit, overlay: CRASH_QUESTION };
    default:
      return cockpit;
  }
}

export function withValue(cockpit: Cockpit, value: string): Cockpit {
  return { ...cockpit, overlay: { kind: 'crash', value } };
}

function withCrash(cockpit: Cockpit, change: Partial<Crash>): Cockpit {
  return cockpit.crash === undefined
    ? cockpit
    : { ...cockpit, crash: { ...cockpit.crash, ...change } };
}

/** Nothing stands at a crash any more. */
export function withoutCrash(cockpit: Cockpit): Cockpit {
  return { ...withoutOverlay(cockpit, 'crash'), crash: undefined };
}
