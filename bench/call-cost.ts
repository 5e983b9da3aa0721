/** What a call of a patched function costs more. */
import { extractBody } from './by-hand.js';
import { digits, table } from './markdown.js';
import { RunningTarget } from './running-target.js';
import type { Bench } from './section.js';
import { shortest } from './statistics.js';

const RUNS = 5;
/** As targets/caller.c makes for each question. */
const CALLS = 1e8;
const CHUNK = 1e6;
const VERSION = 7;

interface Cost {
  readonly answer: number;
  readonly byHand: number;
  readonly cycle: number;
}

export async function measureCallCost({ programs, hcr, gdb, say }: Bench): Promise<string> {
  say('cost of a call');
  const program = await programs.buildTarget('caller');
  using target = await RunningTarget.start(program);
  const object = await programs.compileVersion(VERSION);
  const body = programs.path('answer-body.bin');
  await extractBody(object, body);

  const before = await measureCosts(target, 1);
  await hcr.attach(target.pid, 'answer', '--object', object);
  await gdb.patch(target.pid, 'answer_by_hand', body);
  const after = await measureCosts(target, VERSION);
  await hcr.run('rollback', target.pid);
  const rolledBack = await measureCosts(target);

  const cells = (nanos: number, cycle: number): string[] => [digits(nanos), digits(nanos / cycle)];
  const row = (name: string, was: Cost, is: Cost, which: 'answer' | 'byHand'): string[] => [
    name,
    ...cells(was[which], was.cycle),
    ...cells(is[which], is.cycle),
    digits(is[which] / is.cycle - was[which] / was.cycle),
  ];
  const rows = [
    row('patched by hcr', before, after, 'answer'),
    row('patched by hand', before, after, 'byHand'),
    row('rolled back by hcr', before, rolledBack, 'answer'),
  ];
  const head = ['', 'before, ns', 'cycles', 'after, ns', 'cycles', 'cycles more'];
  return `## Cost of a call

A function that returns a constant, called ${CALLS.toLocaleString('en')} times in a loop, ${RUNS} times; per call, in the
fastest million calls in a row. To reach: one direct jump, which is what the patch by hand is. A
cycle is the time of one addition in a chain of them.

${table(head, rows)}`;
}

/** In turn, so that what else the machine does falls on each of them.
 *  @param expected what both functions have to return */
async function measureCosts(target: RunningTarget, expected?: number): Promise<Cost> {
  const nanosPerCall = async (question: string): Promise<number> => {
    const [nanos = Number.NaN, last] = await target.ask(question);
    if (question !== 'cycle' && expected !== undefined && last !== expected) {
      throw new Error(`${question} returns ${last ?? 'nothing'}, not ${expected}`);
    }
    return nanos / CHUNK;
  };
  const costs: Cost[] = [];
  for (let i = 0; i < RUNS; i++) {
    costs.push({
      answer: await nanosPerCall('answer'),
      byHand: await nanosPerCall('answer_by_hand'),
      cycle: await nanosPerCall('cycle'),
    });
  }
  return {
    answer: shortest(costs.map(({ answer }) => answer)),
    byHand: shortest(costs.map(({ byHand }) => byHand)),
    cycle: shortest(costs.map(({ cycle }) => cycle)),
  };
}
