/** The demo that runs by itself. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Expectation } from './expectation.js';
import { type Line, type Program, startTime } from './program.js';
import type { Screen } from './screen.js';
import { Counter, parseTick } from './ticks.js';
import { HCR, type Workplace } from './workplace.js';

const TICKS_SHOWN = 2;
const BEFORE = '    return 1;';
const AFTER = '    return 2;';

/** @throws Expectation when anything that is to be shown does not happen */
export async function runAutomatic(workplace: Workplace, screen: Screen): Promise<void> {
  screen.title('hcr demo', 'a function of a running program is edited');
  screen.blank();

  const program = workplace.start();
  const counter = new Counter();
  screen.command('hcr run --on SIGINT --func f1 -- ./main');
  show(program, counter, screen);
  await ticks(program, '1');
  const pid = program.findPid(join(workplace.directory, 'main'));
  const started = startTime(pid);
  screen.blank();

  workplace.edit(BEFORE, AFTER);
  screen.edit('f1.c', BEFORE, AFTER);
  screen.command(`kill -INT ${pid}`, 'hcr takes it, compiles f1.c, patches f1');
  process.kill(pid, 'SIGINT');
  await reload(program);
  await ticks(program, '2');
  screen.blank();

  screen.command(
    `kill -KILL ${program.hcrPid}`,
    'hcr may die; what it did is on record in the program',
  );
  await program.killHcr();
  screen.command(`hcr rollback ${pid}`);
  for (const text of await rollBack(pid)) screen.hcr(text);
  await ticks(program, '1');

  if (startTime(pid) !== started) throw new Expectation(`Process ${pid} is another one now.`);
  screen.command(`kill -QUIT ${pid}`);
  const goodbye = program.until('goodbye', ({ text }) => text === 'goodbye');
  process.kill(pid, 'SIGQUIT');
  await goodbye;
  await program.untilEnded();
  screen.success(`process ${pid}, tick 1 to tick ${counter.last}: not restarted, no tick lost`);
}

/** Shows every line, and checks that the counter goes on as if nothing happened. */
function show(program: Program, counter: Counter, screen: Screen): void {
  program.onLine = (line) => {
    const tick = parseTick(line);
    if (tick !== undefined) counter.take(tick);
    if (line.from === 'hcr') screen.hcr(line.text);
    else screen.program(line.text);
  };
}

/** Waits for some ticks with this value. */
async function ticks(program: Program, value: string): Promise<void> {
  for (let seen = 0; seen < TICKS_SHOWN; seen++) {
    await program.until(`f1() = ${value}`, (line) => parseTick(line)?.value === value);
  }
}

async function reload(program: Program): Promise<void> {
  // A refusal ends with a hint.
  const isAnswer = ({ from, text }: Line): boolean =>
    from === 'hcr' && /^(hcr: reloaded|hint:)/.test(text);
  const { text } = await program.until('a reload', isAnswer);
  if (!text.startsWith('hcr: reloaded f1 ')) throw new Expectation('hcr did not reload f1.');
}

/** @returns what it printed */
async function rollBack(pid: number): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [HCR, 'rollback', String(pid)]);
    return stdout.trimEnd().split('\n');
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Expectation(`hcr rollback failed.\n${stderr ?? String(error)}`);
  }
}
