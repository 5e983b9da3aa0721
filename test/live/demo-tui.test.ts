/** The demo in its cockpit form, as somebody sees it who has just cloned the repository. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { REPOSITORY } from '../support/repository.js';
import { TmuxTerminal } from '../support/tmux.js';

/** Wide enough for any name of a temporary folder. */
const COLUMNS = 120;

beforeAll(() => {
  const words = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.tools.json'];
  execFileSync(process.execPath, words, { cwd: REPOSITORY });
});

it('makes an edit live with Ctrl+C, shows what the program prints, and leaves it whole', async () => {
  const demo = join(REPOSITORY, '.cache/tools/scripts/demo.js');
  await using terminal = await TmuxTerminal.start(
    [process.execPath, demo, '--tui'],
    { LC_ALL: 'C.UTF-8', TERM: 'screen-256color' },
    COLUMNS,
    30,
  );
  const steps = await terminal.shows(/Enter runs it/);
  const [, source = ''] = /\(or edit (\S+f1\.c) in another window\)/.exec(steps) ?? [];
  await terminal.press('Enter');
  await terminal.shows(/> f1 .*original/);
  await terminal.shows(/ctrl\+c reload/);
  await terminal.press('4');
  await terminal.shows(/tick \d+: f1\(\) = 1/);
  writeFileSync(source, readFileSync(source, 'utf8').replace('return 1;', 'return 42;'));
  await terminal.press('C-c');
  await terminal.shows(/tick \d+: f1\(\) = 42/);
  await terminal.press('q');
  const end = await terminal.shows(/left with 0/);
  expect(end).toMatch(/✓ process \d+, tick 1 to tick \d+: not restarted, no tick lost/);
});
