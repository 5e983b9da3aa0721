/** What is on the screen for a state of the cockpit, as a terminal would show it. */
import { render } from 'ink-testing-library';
import stringWidth from 'string-width';
import { afterEach, describe, expect, it } from 'vitest';
import { HcrError } from '../../src/core/failure.js';
import { CockpitScreen } from '../../src/tui/components/cockpit-screen.js';
import type { Engine } from '../../src/tui/engine/engine.js';
import { Latest } from '../../src/tui/latest.js';
import type { Action } from '../../src/tui/model/actions.js';
import type { Cockpit } from '../../src/tui/model/state.js';
import { Store } from '../../src/tui/store.js';
import { Themed, themeFor } from '../../src/tui/theme.js';
import { CRASH, after, readyCockpit, row } from './cockpit-values.js';

/** Answers nothing: the state is what the test made. */
const SILENT: Engine = {
  call: () => new Promise(() => undefined),
  onEvent: () => undefined,
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

let unmount: (() => void) | undefined;
afterEach(() => unmount?.());

function frameOf(cockpit: Cockpit, environment: Record<string, string> = {}): string {
  const store = new Store(cockpit);
  const ignore = (): void => undefined;
  const shown = render(
    <Themed theme={themeFor({ LANG: 'C.UTF-8', ...environment })}>
      <CockpitScreen
        store={store}
        outside={{
          engine: SILENT,
          inspections: new Latest(),
          // The size is the state's, not that of the test's terminal.
          dispatch: (action: Action) => {
            if (action.type !== 'resized') store.dispatch(action);
          },
          wantsOutput: () => false,
          suspend: ignore,
          redraw: ignore,
          edit: ignore,
          debug: ignore,
          copy: ignore,
          quit: ignore,
        }}
      />
    </Themed>,
  );
  unmount = () => {
    shown.unmount();
  };
  store.dispatch({ type: 'resized', columns: cockpit.columns, lines: cockpit.lines });
  return shown.lastFrame() ?? '';
}

const refusal = new HcrError({
  code: 'compile-failed',
  source: '/src/server.c',
  command: 'gcc -c server.c',
  diagnostics: "server.c:10:5: error: expected ';'\n   10 |     retrun 1\n      |     ^~~~~~",
  exitCode: 1,
});
const problem = { failure: refusal.failure, message: refusal.message, hint: refusal.hint };

describe('at 80 by 24', () => {
  it('shows program, functions and keys', () => {
    const frame = frameOf(readyCockpit());
    expect(frame).toMatch(/server {2}pid 4711 · ● sleeping · 3 threads · generation 2/);
    expect(frame).toMatch(/> answer +server\.c:10 +server +original/);
    expect(frame).toMatch(/send_reply .* patched g2/);
    expect(frame).toMatch(/tiny .* inlined in 2/);
    expect(frame).toMatch(/q quit/);
    expect(frame).toMatch(/\? keys/);
  });

  it('shows what the compiler said, with the source line', () => {
    const frame = frameOf(
      after(readyCockpit(), {
        type: 'refused',
        what: 'reload',
        problem,
        row: row('answer'),
        at: 1,
      }),
    );
    expect(frame).toContain('answer: compile-failed');
    expect(frame).toContain('10 |     retrun 1');
    expect(frame).toMatch(/U unchecked/);
  });

  it('asks before it quits in the middle of something', () => {
    const frame = frameOf(
      after(
        readyCockpit(),
        { type: 'started', what: 'reload answer', at: 1 },
        { type: 'commanded', command: 'quit', page: 5 },
      ),
    );
    expect(frame).toContain('reload answer');
    expect(frame).toMatch(/y quit anyway/);
  });

  it('shows a crash: where, how it came there, and what can be done', () => {
    const frame = frameOf(
      after(
        readyCockpit(),
        { type: 'guarding', on: true, at: 1 },
        { type: 'crashed', event: { kind: 'crashed', report: CRASH }, at: 1 },
      ),
    );
    expect(frame).toContain('answer has crashed and the program stands');
    expect(frame).toContain('SIGSEGV, address 0x18 in answer (generation 2) at /src/server.c:12');
    expect(frame).toMatch(/#1 main {2}\/src\/main\.c:30/);
    expect(frame).toContain('and 3 more');
    expect(frame).toContain('Rolled back: generation 1 is live.');
    expect(frame).toMatch(/v {2}return +leave answer/);
    expect(frame).toMatch(/p {2}previous +not possible: no call leads to it/);
    expect(frame).toMatch(/rsp +0x7ffc00001000/);
    expect(frame).toContain('GUARD');
  });

  it('shows in the source what the compiler said of its lines', () => {
    const source = {
      file: '/src/server.c',
      isLiveKnown: false,
      rows: [10, 11].map((line) => ({
        op: 'same' as const,
        line,
        old: `line ${line}`,
        new: `line ${line}`,
      })),
    };
    const frame = frameOf(
      after(
        readyCockpit(),
        { type: 'compare-refused', problem, at: 1 },
        {
          type: 'inspected',
          key: 'server:answer',
          detail: { code: [], original: [], threads: [], source },
        },
      ),
    );
    expect(frame).toMatch(/line 10\n +> error: expected ';'\n +11 +line 11/);
  });

  it('has the keys that matter, whole, however little room there is', () => {
    for (const columns of [200, 100, 80, 60, 50]) {
      const last = frameOf(readyCockpit(columns, 24)).split('\n').at(-1) ?? '';
      expect(last).toMatch(/ \/ search .*r reload.*\? keys {2}q quit$/);
      expect(last).not.toContain('…');
      unmount?.();
    }
  });

  it('says that the program has ended', () => {
    const frame = frameOf(
      after(readyCockpit(), { type: 'ended', why: 'The program has ended.', at: 1 }),
    );
    expect(frame).toMatch(/pid 4711 · ● ended/);
  });
});

describe('whatever the size', () => {
  const sizes = [
    [80, 24],
    [60, 16],
    [200, 50],
    [132, 30],
    [40, 12],
    // Less than it needs: that is said.
    [20, 5],
  ] as const;

  it.each(sizes)('no line is wider than %i columns, and %i lines hold all', (columns, lines) => {
    const wide = after(readyCockpit(columns, lines), {
      type: 'listed',
      rows: [row('名前の長い関数'.repeat(6)), row('escape\u001b[31m'), row('x'.repeat(300))],
      notes: [],
      at: 1,
    });
    for (const command of ['search', 'help', 'show-events', 'show-generations'] as const) {
      const frame = frameOf(after(wide, { type: 'commanded', command, page: 5 }));
      const shown = frame.split('\n');
      expect(shown.length).toBeLessThanOrEqual(lines);
      for (const line of shown) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
      unmount?.();
    }
  });

  it('has the detail beside the list where there is room', () => {
    expect(frameOf(readyCockpit(200, 50))).toMatch(/functions 4 .* │ ─ answer .* source code/);
  });
});

it('uses no colour with NO_COLOR, and nothing beyond ASCII in a locale without', () => {
  const frame = frameOf(readyCockpit(), { NO_COLOR: '1', LANG: 'C' });
  expect(frame).not.toMatch(/\u001b\[3\d/);
  expect(frame).toMatch(/^[\u0000-\u007f]*$/);
  expect(frame).toMatch(/pid 4711 \| \* sleeping/);
});

it('hands no control character of a name to the terminal', () => {
  const hostile = after(readyCockpit(), {
    type: 'listed',
    rows: [row('evil\u001b]0;owned\u0007')],
    notes: [],
    at: 1,
  });
  expect(frameOf(hostile)).not.toContain('\u001b]0;');
});
