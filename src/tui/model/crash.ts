/** New code has crashed while the guard is on: what the user is asked, and what comes of the answer. */
import type { CrashChoice, CrashEvent } from '../../app/crash-report.js';
import { describeCrash, describeSettlement } from '../../terminal/crash-words.js';
import { compared, logged } from './changes.js';
import { request } from './outbox.js';
import type { Cockpit, Crash, LogEntry } from './state.js';

/** The choices, while no value to return is being typed. */
const QUESTION = { kind: 'crash', value: undefined } as const;

export function afterCrashEvent(cockpit: Cockpit, event: CrashEvent, at: number): Cockpit {
  const log = (state: Cockpit, tone: LogEntry['tone'], text: string): Cockpit =>
    logged(state, { at, tone, text });
  switch (event.kind) {
    case 'crashed': {
      const { report } = event;
      const crash: Crash = { report, step: 'asking', refusal: undefined };
      const asked: Cockpit = { ...cockpit, crash, overlay: QUESTION };
      const told = log(asked, 'bad', `${describeCrash(report)}: the program stands.`);
      return report.rolledBack.length === 0
        ? told
        : log(
            compared(told),
            'warning',
            `Rolled back ${report.rolledBack.join(', ')}: generation ${report.liveGeneration} is live.`,
          );
    }
    case 'awaiting-edit':
      return log(
        withCrash(closed(cockpit), { step: 'awaiting-edit' }),
        'warning',
        `Waiting for an edit of ${event.source}: save it, and the call is made again.`,
      );
    case 'crash-refused': {
      const refusal = `Cannot ${event.choice}: ${event.detail}`;
      const again: Cockpit =
        cockpit.crash === undefined ? cockpit : { ...cockpit, overlay: QUESTION };
      return log(withCrash(again, { step: 'asking', refusal }), 'warning', refusal);
    }
    case 'crash-unhandled':
      return log(
        closed({ ...cockpit, crash: undefined }),
        'bad',
        `hcr cannot help with the crash: ${event.detail}`,
      );
    case 'crash-settled': {
      const settled = log(
        closed({ ...cockpit, crash: undefined }),
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
  if (choice === 'return' && report.returns !== 'nothing')
    return { ...cockpit, overlay: { kind: 'crash', value: '' } };
  return answer(cockpit, choice);
}

/** The value that was typed, for `return`. */
export function answer(cockpit: Cockpit, choice: CrashChoice, value?: string): Cockpit {
  if (cockpit.crash?.step !== 'asking') return cockpit;
  const given = { choice, ...(value === undefined ? {} : { value }) };
  const answered = withCrash(cockpit, { step: 'answered', refusal: undefined });
  return request({ ...answered, overlay: QUESTION }, { kind: 'answer-crash', answer: given });
}

function withCrash(cockpit: Cockpit, change: Partial<Crash>): Cockpit {
  return cockpit.crash === undefined
    ? cockpit
    : { ...cockpit, crash: { ...cockpit.crash, ...change } };
}

function closed(cockpit: Cockpit): Cockpit {
  return cockpit.overlay?.kind === 'crash' ? { ...cockpit, overlay: undefined } : cockpit;
}
