/**
 * Runs the cockpit in terminals of tmux, as docs/tui.md describes it, and draws what it shows: so the
 * pictures are what a user sees.
 *
 *   npm run tui:pictures
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HCR_CLI } from '../test/support/repository.js';
import { TmuxTerminal } from '../test/support/tmux.js';
import { type Fixture, buildFixture } from '../test/support/fixture.js';
import { type Target, startTarget } from '../test/support/target.js';
import { drawSvg } from './record/draw-svg.js';
import { TerminalText } from './record/terminal-text.js';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: record-tui FOLDER');
  process.exit(2);
}
const ENVIRONMENT = { LC_ALL: 'C.UTF-8', TERM: 'screen-256color', VISUAL: 'vi' };

interface Scene {
  readonly name: string;
  readonly label: string;
  readonly fixture: string;
  readonly columns: number;
  readonly lines: number;
  readonly options?: readonly string[];
  /** Brings the screen to what is drawn. */
  readonly play: (terminal: TmuxTerminal, fixture: Fixture, target: Target) => Promise<unknown>;
}

const SCENES: readonly Scene[] = [
  {
    name: 'tui-changed',
    label: 'The cockpit at 80 columns: f1 is changed on disk, its source old and new',
    fixture: 'demo',
    columns: 80,
    lines: 24,
    play: async (terminal, fixture) => {
      await terminal.shows(/> f1 .*original/);
      fixture.edit('f1.c', 'return 1;', 'return 42;');
      await terminal.shows(/return 1;[^]*return 42;/);
      await terminal.shows(/changed on disk/);
    },
  },
  {
    name: 'tui-wide',
    label: 'The cockpit at 200 columns: one function patched, the code of another old and new',
    fixture: 'language',
    columns: 200,
    lines: 44,
    play: async (terminal, fixture) => {
      await terminal.shows(/> \S+ .*original/);
      fixture.edit('interpreter.c', 'x += 3;', 'x += 4;');
      await terminal.shows(/changed 1/);
      await terminal.press('R');
      await terminal.shows(/generation 1/);
      fixture.edit('switch_jumps.c', 'state = x ^ 21;', 'state = x ^ 42;');
      await terminal.shows(/changed 1/);
      await terminal.press('/', 'swju', 'Enter');
      await terminal.shows(/> switch_jumps .*changed on disk/);
      await terminal.press('Tab');
      await terminal.shows(/What runs, and what/);
    },
  },
  {
    name: 'tui-crash',
    label: 'New code has crashed: the program stands, and hcr asks what is to become of it',
    fixture: 'crash',
    columns: 100,
    lines: 28,
    options: ['--guard'],
    play: async (terminal, fixture, target) => {
      await terminal.shows(/GUARD/);
      await terminal.press('/', 'number', 'Enter');
      fixture.edit('work.c', 'return n + 1;', 'return n + *(volatile int *)24;');
      await terminal.shows(/> number .*changed on disk/);
      await terminal.press('r');
      await terminal.shows(/> number .*patched g1/);
      target.write('number 4\n');
      await terminal.shows(/number has crashed/);
    },
  },
];

async function draw(scene: Scene): Promise<string> {
  using fixture = await buildFixture(scene.fixture);
  await using target = await startTarget(fixture.program);
  const words = [process.execPath, HCR_CLI, 'tui', ...(scene.options ?? []), String(target.pid)];
  const { columns, lines } = scene;
  await using terminal = await TmuxTerminal.start(words, ENVIRONMENT, columns, lines);
  await scene.play(terminal, fixture, target);
  const text = new TerminalText();
  const painted = await terminal.paintedScreen();
  text.write(painted.replaceAll(`${fixture.directory}/`, '').replaceAll('\n', '\r\n'), 0);
  return drawSvg(text.lines, columns, scene.label);
}

mkdirSync(folder, { recursive: true });
for (const scene of SCENES) {
  const path = join(folder, `${scene.name}.svg`);
  writeFileSync(path, await draw(scene));
  console.log(path);
}
