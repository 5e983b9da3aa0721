/**
 * `npm run demo`: a program is built, started, edited and patched while it runs.
 *
 * Everything that is shown happens: the steps wait for what the program and hcr print, and the
 * demo fails, with exit code 1, when one of them does not.
 */
import { parseArgs } from 'node:util';
import { runAutomatic } from './demo/automatic.js';
import { runCockpit } from './demo/cockpit.js';
import { Expectation } from './demo/expectation.js';
import { runInteractive } from './demo/interactive.js';
import { Screen } from './demo/screen.js';
import { Workplace } from './demo/workplace.js';

const USAGE = `npm run demo                    edit, patch and roll back by itself
npm run demo -- --interactive   the same with you editing and pressing Ctrl+C
npm run demo -- --tui           in the cockpit: you edit, and Ctrl+C makes it live`;

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

type Demo = (workplace: Workplace, screen: Screen) => Promise<void>;

function chosenDemo(): Demo {
  try {
    const { values } = parseArgs({
      options: { interactive: { type: 'boolean', short: 'i' }, tui: { type: 'boolean' } },
    });
    if (values.interactive !== true && values.tui !== true) return runAutomatic;
    if (process.stdin.isTTY && process.stdout.isTTY)
      return values.tui === true ? runCockpit : runInteractive;
    console.error('This demo needs a terminal to type in.');
  } catch {
    console.error(USAGE);
  }
  process.exit(EXIT_USAGE);
}

const demo = chosenDemo();
const screen = new Screen(process.stdout, process.env);
const workplace = new Workplace();
// Removes the files and ends the processes however the demo ends.
process.on('exit', () => {
  workplace[Symbol.dispose]();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(EXIT_INTERRUPTED));
}

try {
  await workplace.build();
  await demo(workplace, screen);
} catch (error) {
  if (!(error instanceof Expectation)) throw error;
  screen.fail(error.message);
  process.exitCode = 1;
}
process.exit();
