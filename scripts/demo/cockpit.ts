/** The demo in the cockpit: the program runs beside it, and a SIGINT to hcr makes the edit live. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline/promises';
import { Expectation } from './expectation.js';
import { startTime } from './program.js';
import type { Screen } from './screen.js';
import { Counter, parseTick } from './ticks.js';
import { HCR, type Workplace } from './workplace.js';

/** @throws Expectation when the cockpit fails, or the program is not the one that was started */
export async function runCockpit(workplace: Workplace, screen: Screen): Promise<void> {
  const program = workplace.startAlone();
  const started = startTime(program.pid);
  screen.title('hcr demo', 'a running program in the cockpit');
  screen.blank();
  screen.step(1, 'press e and change the number that f1 returns');
  screen.step(undefined, `(or edit ${workplace.source} in another window)`);
  screen.step(2, 'press Ctrl+C: hcr takes the signal and makes the edit live');
  screen.step(3, 'press 4 to see what the program prints, u to undo, ? for all keys');
  screen.step(4, 'press q: hcr goes, the program stays');
  screen.blank();
  screen.command(`hcr tui --on SIGINT ${program.pid}`, 'Enter runs it');
  await enter();

  const code = await openCockpit(program.pid, workplace.directory);
  if (code !== 0) throw new Expectation(`hcr tui ended with exit code ${code}.`);
  if (startTime(program.pid) !== started)
    throw new Expectation(`Process ${program.pid} is another one now.`);
  screen.command(`kill -QUIT ${program.pid}`);
  const counter = new Counter();
  for (const text of await program.end()) {
    const tick = parseTick({ from: 'program', text });
    if (tick !== undefined) counter.take(tick);
  }
  screen.success(
    `process ${program.pid}, tick 1 to tick ${counter.last}: not restarted, no tick lost`,
  );
}

async function enter(): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  await lines[Symbol.asyncIterator]().next();
  lines.close();
  // What is typed next is for the cockpit.
  process.stdin.pause();
}

function openCockpit(pid: number, directory: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const words = [HCR, 'tui', '--on', 'SIGINT', String(pid)];
    spawn(process.execPath, words, { cwd: directory, stdio: 'inherit' })
      .once('error', reject)
      .once('exit', resolve);
  });
}
