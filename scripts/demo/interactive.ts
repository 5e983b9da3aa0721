/**
 * The demo in which the user edits and presses the keys.
 *
 * The terminal is read raw and the keys are turned into signals here: npm and its shell stand
 * between the terminal and the demo, and would end it at the first Ctrl+C.
 */
import { Expectation } from './expectation.js';
import type { Program } from './program.js';
import type { Screen } from './screen.js';
import { parseTick } from './ticks.js';
import type { Workplace } from './workplace.js';

const CTRL_C = 0x03;
const CTRL_BACKSLASH = 0x1c;

/** @throws Expectation when the program ends otherwise than by Ctrl+\ */
export async function runInteractive(workplace: Workplace, screen: Screen): Promise<void> {
  screen.title('hcr demo', 'edit a function while the program runs');
  screen.blank();
  screen.step(1, `open ${workplace.source} in an editor, in another window;`);
  screen.step(undefined, 'change the number that f1 returns, or more, and save');
  screen.step(2, 'press Ctrl+C here: hcr takes the signal and makes the edit live');
  screen.step(
    undefined,
    '(as often as you like; take the edit back, and Ctrl+C brings back the old)',
  );
  screen.step(3, 'press Ctrl+\\ to end the program');
  screen.blank();
  screen.command('hcr run --on SIGINT --func f1 -- ./main');

  const program = workplace.start();
  showInPlace(program, screen);
  const giveBackKeys = takeKeys(program);
  await program.untilEnded();
  giveBackKeys();
  if (program.exitCode !== 0) {
    throw new Expectation(`The program ended with code ${program.exitCode ?? 'of a signal'}.`);
  }
  screen.success('the same process from the first tick to the last');
}

/** Ticks that differ only in their number take one line, so that the rest stays in sight. */
function showInPlace(program: Program, screen: Screen): void {
  let value: string | undefined;
  program.onLine = (line) => {
    if (line.from === 'hcr') {
      screen.hcr(line.text);
      value = undefined;
      return;
    }
    const tick = parseTick(line);
    if (tick === undefined || tick.value !== value) screen.keep();
    value = tick?.value;
    if (tick === undefined) screen.program(line.text);
    else screen.programForNow(line.text);
  };
}

/** @returns what ends it. Node itself puts the terminal right when the demo ends otherwise. */
function takeKeys(program: Program): () => void {
  const onData = (bytes: Buffer): void => {
    for (const byte of bytes) {
      if (byte === CTRL_C) program.pressKey('SIGINT');
      if (byte === CTRL_BACKSLASH) program.pressKey('SIGQUIT');
    }
  };
  process.stdin.setRawMode(true).on('data', onData);
  return () => {
    process.stdin.off('data', onData).setRawMode(false).pause();
  };
}
