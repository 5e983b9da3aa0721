/** Whole sessions of the cockpit, as a user at a terminal has them, with a real process. */
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { hcrCommand, readStatus, runHcr } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';
import { TmuxTerminal } from '../support/tmux.js';
import { until } from '../support/until.js';

const LOCALE = { LC_ALL: 'C.UTF-8', TERM: 'screen-256color' };

let fixture: Fixture;
let target: Target;

beforeEach(async () => {
  fixture = await buildFixture('demo');
  target = await startTarget(fixture.program);
});
afterEach(async () => {
  await target[Symbol.asyncDispose]();
  fixture[Symbol.dispose]();
});

async function openCockpit(environment: Record<string, string> = {}): Promise<TmuxTerminal> {
  const terminal = await TmuxTerminal.start(hcrCommand(['tui', target.pid]), {
    ...LOCALE,
    ...environment,
  });
  try {
    await terminal.shows(/> f1 .*original/);
    return terminal;
  } catch (error) {
    await terminal[Symbol.asyncDispose]();
    throw error;
  }
}

describe('a session', () => {
  it('finds a function, patches it, rolls it back and forth, and leaves the program as it is', async () => {
    await using terminal = await openCockpit();
    await terminal.press('/', 'o', 'q', 't');
    await terminal.shows(/> on_quit/);
    await terminal.press('Escape');
    await terminal.shows(/3 functions/);
    await terminal.press('g');
    await terminal.shows(/> f1/);

    fixture.edit('f1.c', 'return 1;', 'return 42;');
    await terminal.shows(/> f1 .*changed on disk/);
    await terminal.shows(/- +return 1;\s+\d+ \+ +return 42;/);
    await terminal.press('r');
    await terminal.shows(/> f1 .*patched g1/);
    await target.waitForLine(/= 42$/);

    await terminal.press('u');
    await terminal.shows(/original code/);
    await target.waitForLine(/= 1$/);

    await terminal.press('2');
    await terminal.shows(/1 .* f1/);
    await terminal.press('g', 'Enter');
    await terminal.shows(/generation 1/);
    await target.waitForLine(/= 42$/);

    await terminal.press('q');
    await terminal.shows(/left with 0/);
    expect((await readStatus(target.pid)).generation).toBe(1);
    expect(target.threads.every(({ tracerPid }) => tracerPid === 0)).toBe(true);
  });

  it('makes live what is saved while it watches, and shows the compiler’s word when it cannot', async () => {
    await using terminal = await openCockpit();
    await terminal.press('w');
    await terminal.shows(/watching/);
    fixture.edit('f1.c', 'return 1;', 'return 2');
    await terminal.shows(/! refusal/);
    await terminal.press('!');
    await terminal.shows(/expected .;. before .\}. token/);
    await terminal.press('Escape');
    fixture.edit('f1.c', 'return 2', 'return 3;');
    await target.waitForLine(/= 3$/);
    await terminal.shows(/patched g1/);
  });

  it('fits the terminal when that changes its size', async () => {
    await using terminal = await openCockpit();
    await terminal.resize(160, 40);
    await terminal.shows(/NAME .* │ .*source/);
    await terminal.resize(60, 16);
    const narrow = await terminal.shows(/^ main · pid \d+ · \w+ · 1 thread/);
    expect(narrow).not.toContain('│');
    expect(narrow).toMatch(/> f1/);
  });

  it('tells that the program has died, and gives the terminal back', async () => {
    await using terminal = await openCockpit();
    target.kill('SIGKILL');
    await terminal.shows(/ended/);
    await terminal.press('r', 'q');
    const left = await terminal.shows(/left with 0/);
    expect(left).not.toContain('NAME');
  });

  it('gives the terminal to the editor and comes back', async () => {
    await using terminal = await openCockpit({
      VISUAL: `sh -c 'echo "$@" > ${fixture.path('edited.txt')}' vi`,
    });
    await terminal.press('e');
    await until(
      'the editor has been given the file',
      () =>
        existsSync(fixture.path('edited.txt')) &&
        readFileSync(fixture.path('edited.txt'), 'utf8').trim() === fixture.path('f1.c'),
    );
    await terminal.press('q');
    await terminal.shows(/left with 0/);
  });
});

it('is refused where nothing can be drawn', async () => {
  const { exitCode, stderr } = await runHcr(['tui', target.pid]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(`hcr status ${target.pid}`);
});
