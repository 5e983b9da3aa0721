/** Whole sessions of the cockpit, as a user at a terminal has them, with a real process. */
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { hcrCommand, readStatus, runHcr } from '../support/hcr.js';
import { descendantsOf, executableOf } from '../support/process-tree.js';
import { type Target, startTarget } from '../support/target.js';
import { TmuxTerminal } from '../support/tmux.js';
import { until } from '../support/until.js';

const LOCALE = { LC_ALL: 'C.UTF-8', TERM: 'screen-256color' };

let fixture: Fixture;
let target: Target;

beforeAll(async () => {
  fixture = await buildFixture('demo');
});
afterAll(() => fixture[Symbol.dispose]());
beforeEach(async () => {
  target = await startTarget(fixture.program);
});
afterEach(async () => {
  await target[Symbol.asyncDispose]();
  fixture.restore();
});

async function openCockpit(environment: Record<string, string> = {}): Promise<TmuxTerminal> {
  return await open(hcrCommand(['tui', target.pid]), environment);
}

async function open(
  command: readonly string[],
  environment: Record<string, string> = {},
): Promise<TmuxTerminal> {
  const terminal = await TmuxTerminal.start(command, { ...LOCALE, ...environment });
  try {
    await terminal.shows(/> f1 .*original/);
    return terminal;
  } catch (error) {
    await terminal[Symbol.asyncDispose]();
    throw error;
  }
}

/** hcr itself, below the shell of the terminal. */
async function pidOfHcr(terminal: TmuxTerminal): Promise<number> {
  const shell = await terminal.pid();
  return await until('hcr runs', () =>
    descendantsOf(shell).find((pid) => executableOf(pid) === process.execPath),
  );
}

/** A script that stands for a user's editor.
 *  @param words of a shell, with the editor's arguments in "$@" */
function editor(name: string, words: string): string {
  const path = fixture.path(name);
  writeFileSync(path, `#!/bin/sh\n${words}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('a session', () => {
  it('finds a function, patches it, rolls it back and forth, and leaves the program as it is', async () => {
    await using terminal = await openCockpit();
    await terminal.press('/', 'o', 'q', 't');
    await terminal.shows(/> on_quit/);
    await terminal.press('Escape');
    await terminal.shows(/functions 3/);
    await terminal.press('g');
    await terminal.shows(/> f1/);
    await terminal.press('y');
    const [, address] = /copied (0x[0-9a-f]+)/.exec(await terminal.shows(/copied 0x/)) ?? [];
    expect(await terminal.clipboard()).toBe(address);

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
    await terminal.shows(/generation 1 · pause/);
    await target.waitForLine(/= 42$/);

    await terminal.press('q');
    await terminal.shows(/left with 0/);
    expect((await readStatus(target.pid)).generation).toBe(1);
    expect(target.threads.every(({ tracerPid }) => tracerPid === 0)).toBe(true);
  });

  it('makes live what is saved while it watches, and shows the compiler’s word where it belongs', async () => {
    await using terminal = await openCockpit();
    await terminal.press('w');
    await terminal.shows(/WATCH/);
    fixture.edit('f1.c', 'return 1;', 'return 2');
    await terminal.shows(/! refusal/);
    await terminal.shows(/return 2\n +> error: expected .;. before .\}. token/);
    await terminal.press('!');
    await terminal.shows(/refused: compile-failed[\s\S]*f1\.c:4:\d+: error/);
    await terminal.press('Escape');
    fixture.edit('f1.c', 'return 2', 'return 3;');
    await target.waitForLine(/= 3$/);
    await terminal.shows(/^(?![^]*> error)[^]*patched g1/);
  });

  it('fits the terminal when that changes its size', async () => {
    await using terminal = await openCockpit();
    await terminal.resize(200, 50);
    await terminal.shows(/functions 3 .* │ ─ f1 .* source code/);
    await terminal.resize(60, 16);
    const narrow = await terminal.shows(/^ main {2}pid \d+ · ● \w+ · 1 thread[\s\S]*q quit\s*$/);
    expect(narrow).not.toContain('│');
    expect(narrow).toMatch(/> f1/);
  });

  it('is coloured, and with NO_COLOR is not', async () => {
    const colours = async (environment: Record<string, string>): Promise<boolean> => {
      await using terminal = await openCockpit(environment);
      return /\u001b\[[0-9;]*3[1-6]m/.test(await terminal.paintedScreen());
    };
    // Build servers have colours too, when somebody sits at them.
    expect(await colours({ CI: 'true' })).toBe(true);
    expect(await colours({ NO_COLOR: '1' })).toBe(false);
  });
});

describe('a crash of new code while it guards', () => {
  it('is shown, rolled back, and left with the value that is typed', async () => {
    using built = await buildFixture('crash');
    await using program = await startTarget(built.program);
    await program.waitForLine(/^ready/);
    await using terminal = await TmuxTerminal.start(
      hcrCommand(['tui', '--guard', program.pid]),
      LOCALE,
    );
    await terminal.shows(/GUARD[\s\S]*functions 11/);
    await terminal.press('/', 'number', 'Enter');
    built.edit('work.c', 'return n + 1;', 'return n + *(volatile int *)24;');
    await terminal.shows(/> number .*changed on disk/);
    await terminal.press('r');
    await terminal.shows(/> number .*patched g1/);

    program.write('number 4\n');
    await terminal.shows(/number has crashed and the program stands/);
    const shown = await terminal.shows(/Rolled back: the original code is live/);
    expect(shown).toMatch(/SIGSEGV, address 0x18 in number \(generation 1\)/);
    expect(shown).toMatch(/#0 number g1 .*work\.c:10/);
    expect(shown).toMatch(/#1 main .*main\.c:\d+/);
    expect(shown).toMatch(/rax +0x[0-9a-f]+/);
    // To look around and to quit are questions, not answers.
    await terminal.press('q');
    await terminal.shows(/quit\?[\s\S]*signal is delivered/);
    await terminal.press('n');
    await terminal.shows(/number has crashed/);
    await terminal.press('v', '5');
    await terminal.shows(/number returns: 5_/);
    await terminal.press('Enter');
    await program.waitForLine(/^number=5$/);
    await terminal.shows(/● sleeping/);

    await terminal.press('r');
    await terminal.shows(/generation 2/);
    program.write('number 6\n');
    await terminal.shows(/number has crashed and the program stands/);
    await terminal.press('t');
    await terminal.shows(/waiting for an edit/);
    built.edit('work.c', 'return n + *(volatile int *)24;', 'return n + 100;');
    await program.waitForLine(/^number=106$/);

    await terminal.press('W');
    await until('nobody traces it', () =>
      program.threads.every(({ tracerPid }) => tracerPid === 0),
    );
    program.write('number 1\n');
    await program.waitForLine(/^number=101$/);
  });
});

describe('the terminal', () => {
  it('is given back when the program has died', async () => {
    await using terminal = await openCockpit();
    target.kill('SIGKILL');
    await terminal.shows(/ended/);
    await terminal.press('r', 'q');
    const left = await terminal.shows(/left with 0/);
    expect(left).not.toContain('NAME');
    expect(await terminal.state()).toEqual({ isAlternate: false, hasCursor: true });
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('is given back on %s', async (signal, code) => {
    await using terminal = await openCockpit();
    process.kill(await pidOfHcr(terminal), signal);
    const left = await terminal.shows(new RegExp(`left with ${code}`));
    expect(left).not.toContain('NAME');
    expect(await terminal.state()).toEqual({ isAlternate: false, hasCursor: true });
  });

  it('is the shell’s after Ctrl+Z, and the cockpit’s after fg', async () => {
    const shell = ['bash', '--norc', '-i'];
    await using terminal = await TmuxTerminal.start(shell, { ...LOCALE, PS1: 'ready> ' });
    await terminal.shows(/ready>/);
    const [before, after] = [fixture.path('before.txt'), fixture.path('after.txt')];
    await terminal.press(
      `stty -a > ${before}; ${hcrCommand(['tui', target.pid]).join(' ')}`,
      'Enter',
    );
    await terminal.shows(/> f1 .*original/);
    await terminal.press('C-z');
    await terminal.shows(/Stopped/);
    await terminal.press(`stty -a > ${after}; echo loo''ked`, 'Enter');
    await terminal.shows(/\nlooked/);
    expect(readFileSync(after, 'utf8')).toBe(readFileSync(before, 'utf8'));
    await terminal.press('fg', 'Enter');
    await terminal.shows(/> f1 .*original/);
    await terminal.press('q');
    await terminal.shows(/fg\n[\s\S]*ready>/);
    await terminal.press(`stty -a > ${after}; echo aga''in`, 'Enter');
    await terminal.shows(/\nagain/);
    expect(readFileSync(after, 'utf8')).toBe(readFileSync(before, 'utf8'));
  });

  it('is the editor’s, with every key, until that ends', async () => {
    const [edited, typed] = [fixture.path('edited.txt'), fixture.path('typed.txt')];
    // A file that is there is there with what it holds.
    const write = (what: string, file: string): string =>
      `echo "${what}" > ${file}.new; mv ${file}.new ${file}`;
    const vi = editor('vi', `${write('$@', edited)}; read -r line; ${write('$line', typed)}`);
    await using terminal = await openCockpit({ VISUAL: vi });
    // The second time as well.
    for (const words of ['qrqr', 'uuqq']) {
      await terminal.press('e');
      await until('the editor has been given the file', () => existsSync(edited));
      await terminal.press(words, 'Enter');
      await until('the editor has read a line', () => existsSync(typed));
      expect(readFileSync(typed, 'utf8')).toBe(`${words}\n`);
      expect(readFileSync(edited, 'utf8')).toBe(`+2 ${fixture.path('f1.c')}\n`);
      await terminal.shows(/> f1 .*original/);
      for (const file of [edited, typed]) rmSync(file);
    }
    await terminal.press('q');
    await terminal.shows(/left with 0/);
  });

  it('is gdb’s, at the function, until that ends', async () => {
    await using terminal = await openCockpit();
    await terminal.press('D');
    await terminal.shows(/f1 in section \.text[\s\S]*<f1>:[\s\S]*\(gdb\)/);
    // It is gdb's Ctrl+C, though hcr gets it too.
    await terminal.press('C-c');
    await terminal.shows(/\(gdb\) Quit/);
    await terminal.press('detach', 'Enter', 'quit', 'Enter');
    await terminal.shows(/> f1 .*original/);
    expect(target.threads.every(({ tracerPid }) => tracerPid === 0)).toBe(true);
    await target.waitForLine(/= 1$/);
  });
});

describe('what the program does', () => {
  it('is told: children, and another program in its place', async () => {
    const script = 'read go; sleep 30 & read go; exec "$0"';
    await using shell = await startTarget('sh', ['-c', script, fixture.program]);
    await using terminal = await TmuxTerminal.start(hcrCommand(['tui', shell.pid]), LOCALE);
    await terminal.shows(/pid \d+ · ● sleeping/);
    shell.write('\n');
    await terminal.shows(/The process has a new child, \d+/);
    shell.write('\n');
    await terminal.shows(/The process runs another program now/);
    await terminal.shows(/> f1 .*original/);
    for (const child of descendantsOf(shell.pid)) process.kill(child, 'SIGKILL');
  });
});

describe('where nothing can be drawn', () => {
  it('in a pipe, it is printed what there is', async () => {
    const { exitCode, stdout } = await runHcr(['tui', target.pid]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/generation 0[\s\S]*f1 +\S+f1\.c:2 +main +original/);
    expect(stdout).toContain(`hcr reload ${target.pid}`);
  });

  it('on TERM=dumb too, without control characters', async () => {
    await using terminal = await TmuxTerminal.start(hcrCommand(['attach', target.pid]), {
      ...LOCALE,
      TERM: 'dumb',
    });
    const screen = await terminal.shows(/left with 0/);
    expect(screen).toMatch(/f1 +\S+f1\.c:2/);
    expect(screen).toContain(`hcr watch ${target.pid}`);
  });
});
