/**
 * `npm run demo`: a program is built, started, edited and patched while it runs.
 *
 * Everything that is shown happens: the steps wait for what the program and hcr print, and the
 * demo fails, with exit code 1, when one of them does not.
 */
import { parseArgs } from 'node:util';
import { runAutomatic } from './demo/automatic.js';
import { Expectation } from './demo/expectation.js';
import { runInteractive } from './demo/interactive.js';
import { Screen } from './demo/screen.js';
import { Workplace } from './demo/workplace.js';

const USAGE = `npm run demo                    edit, patch and roll back by itself
npm run demo -- --interactive   the same with you editing and pressing Ctrl+C`;

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

function wantsInteraction(): boolean {
  try {
    const { values } = parseArgs({ options: { interactive: { type: 'boolean', short: 'i' } } });
    if (values.interactive !== true) return false;
    if (process.stdin.isTTY && process.stdout.isTTY) return true;
    console.error('The interactive demo needs a terminal to type in.');
  } catch {
    console.error(USAGE);
  }
  process.exit(EXIT_USAGE);
}

const interactive = wantsInteraction();
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
  await (interactive ? runInteractive(workplace, screen) : runAutomatic(workplace, screen));
} catch (error) {
  if (!(error instanceof Expectation)) throw error;
  screen.fail(error.message);
  process.exitCode = 1;
}
process.exit();
