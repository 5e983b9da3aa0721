/** How long the target stands still, as it sees it itself. */
import { extractBody } from './by-hand.js';
import { FUNCTIONS, NAMES, buildManyFunctions } from './many-functions.js';
import { advantage, digits, table } from './markdown.js';
import { RunningTarget } from './running-target.js';
import type { Bench } from './section.js';
import { longest, median, percentile } from './statistics.js';

/** Threads of the target, repetitions, and the longest gap to reach. */
const THREADS = [
  { threads: 1, hcrRuns: 100, gdbRuns: 10, reachMs: 0.25 },
  { threads: 10, hcrRuns: 100, gdbRuns: 10, reachMs: undefined },
  { threads: 100, hcrRuns: 100, gdbRuns: 10, reachMs: 2 },
  { threads: 400, hcrRuns: 50, gdbRuns: 5, reachMs: 15 },
  { threads: 1000, hcrRuns: 50, gdbRuns: 5, reachMs: 40 },
] as const;

/** Functions that change at a time, in a target of one thread. */
const TRANSACTIONS = [
  { functions: 1, hcrRuns: 50, gdbRuns: 10 },
  { functions: 10, hcrRuns: 50, gdbRuns: 10 },
  { functions: 100, hcrRuns: 50, gdbRuns: 5 },
  { functions: FUNCTIONS, hcrRuns: 20, gdbRuns: 3 },
] as const;

/** One way to make version `i` of something live, and what the target is to answer then. */
interface Patch {
  /** @returns how long the target stood still by the patcher's own account, in milliseconds */
  readonly make: (i: number) => Promise<number>;
  readonly answer: (i: number) => number;
  /** Which of the target's two answers it is. */
  readonly which: 'hcr' | 'by-hand';
}

/** Each of them one number a patch, in milliseconds. */
interface Pauses {
  /** The longest gap that the target saw. */
  readonly gap: number[];
  /** The same without the time in which the thread had no processor. */
  readonly standstill: number[];
  /** From the first thread's stop to the last one's start, by the patcher's own clock. */
  readonly told: number[];
}

export async function measurePause(bench: Bench): Promise<string> {
  const byThreads = await measureThreads(bench);
  const byFunctions = await measureFunctions(bench);
  const columns = ['hcr', 'hcr, without waiting', 'hcr says', 'gdb', 'gdb, without waiting'];
  return `## Pause

How long the target stands still, in milliseconds: the longest gap between two readings of the
clock by a thread that does nothing else, in a window around one patch. The area for new code is
there already, for both. Each cell is p50 / p99 / longest, of
${THREADS.map(({ hcrRuns }) => hcrRuns).join(', ')} runs of hcr and
${THREADS.map(({ gdbRuns }) => gdbRuns).join(', ')} of gdb. "Without waiting" leaves out of that gap the
time in which the thread could have run and waited for a processor, as the kernel counts it: on a
machine that does nothing else the two are the same. Gaps in which the thread was not stopped are
left out of both. "hcr says" is \`pauseMicros\` of its own report: from the moment before the first
thread is asked to stop until the last one runs on. With many threads it is longer than the gap,
because those that sleep are stopped first and go on last. "gdb / hcr" compares the medians of the
gaps, and in the last column those without waiting.

### By threads

One function is patched. All threads but the one with the clock sleep.

${table(['Threads', 'to reach', ...columns, 'gdb / hcr', 'without waiting'], byThreads)}

### By functions per patch

One thread; of ${FUNCTIONS.toLocaleString('en')} functions so many are patched at a time, of
${TRANSACTIONS.map(({ hcrRuns }) => hcrRuns).join(', ')} runs of hcr and
${TRANSACTIONS.map(({ gdbRuns }) => gdbRuns).join(', ')} of gdb.

${table(['Functions', ...columns, 'gdb / hcr', 'without waiting'], byFunctions)}`;
}

async function measureThreads(bench: Bench): Promise<string[][]> {
  const { programs, hcr, gdb } = bench;
  const spinner = await programs.buildTarget('spinner');
  // Two versions in turn: each patch changes the live code.
  const versions = [await makeVersion(bench, 2), await makeVersion(bench, 3)] as const;
  const rows: string[][] = [];
  for (const { threads, hcrRuns, gdbRuns, reachMs } of THREADS) {
    bench.say(`pause, ${threads} threads`);
    using target = await RunningTarget.start(spinner, String(threads));
    const { pid } = target;
    const version = (i: number): (typeof versions)[number] => versions[i % 2 === 0 ? 0 : 1];
    const answer = (i: number): number => version(i).number;
    const byHcr = async (i: number): Promise<number> =>
      (await hcr.attach(pid, 'answer', '--object', version(i).object)).report.pauseMicros / 1e3;
    let area: number | undefined;
    const byHand = async (i: number): Promise<number> => {
      ({ area } = await gdb.patch(pid, 'answer_by_hand', version(i).body, area));
      return Number.NaN;
    };
    rows.push([
      String(threads),
      reachMs === undefined ? '-' : String(reachMs),
      ...(await compare(
        target,
        [{ make: byHcr, answer, which: 'hcr' }, hcrRuns],
        [{ make: byHand, answer, which: 'by-hand' }, gdbRuns],
      )),
    ]);
  }
  return rows;
}

async function measureFunctions(bench: Bench): Promise<string[][]> {
  const { hcr, gdb } = bench;
  const { program, versions } = await buildManyFunctions(bench.programs);
  const rows: string[][] = [];
  for (const { functions, hcrRuns, gdbRuns } of TRANSACTIONS) {
    bench.say(`pause, ${functions} functions`);
    using target = await RunningTarget.start(program, '1');
    const { pid } = target;
    const version = (i: number): (typeof versions)[number] => versions[i % 2 === 0 ? 0 : 1];
    // The others return 1, as they did from the start.
    const answer = (i: number): number => functions * version(i).number + FUNCTIONS - functions;
    const names = NAMES.slice(0, functions);
    const byHcr = async (i: number): Promise<number> =>
      (await hcr.attachAll(pid, names, '--object', version(i).object)).report.pauseMicros / 1e3;
    let area: number | undefined;
    const byHand = async (i: number): Promise<number> => {
      const { places, body } = version(i);
      ({ area } = await gdb.patchAll(pid, places.slice(0, functions), body, area));
      return Number.NaN;
    };
    rows.push([
      functions.toLocaleString('en'),
      ...(await compare(
        target,
        [{ make: byHcr, answer, which: 'hcr' }, hcrRuns],
        [{ make: byHand, answer, which: 'by-hand' }, gdbRuns],
      )),
    ]);
  }
  return rows;
}

async function makeVersion(
  { programs }: Bench,
  number: number,
): Promise<{ readonly number: number; readonly object: string; readonly body: string }> {
  const object = await programs.compileVersion(number);
  const body = programs.path(`answer-${number}.bin`);
  await extractBody(object, body);
  return { number, object, body };
}

/** Cells of one row: the pauses of hcr and of gdb, and how they compare. */
async function compare(
  target: RunningTarget,
  hcr: readonly [Patch, runs: number],
  gdb: readonly [Patch, runs: number],
): Promise<string[]> {
  const byHcr = await measurePauses(target, ...hcr);
  const byHand = await measurePauses(target, ...gdb);
  return [
    spread(byHcr.gap),
    spread(byHcr.standstill),
    spread(byHcr.told),
    spread(byHand.gap),
    spread(byHand.standstill),
    advantage(median(byHand.gap), median(byHcr.gap)),
    advantage(median(byHand.standstill), median(byHcr.standstill)),
  ];
}

async function measurePauses(target: RunningTarget, patch: Patch, runs: number): Promise<Pauses> {
  const pauses: Pauses = { gap: [], standstill: [], told: [] };
  // The first patch reserves the area and is not counted.
  for (let i = 0; i <= runs; i++) {
    await target.signal('SIGUSR1');
    const told = await patch.make(i);
    const [gapNanos = Number.NaN, standstillNanos = Number.NaN, ...answers] =
      await target.signal('SIGUSR1');
    if (answers[patch.which === 'hcr' ? 0 : 1] !== patch.answer(i)) {
      throw new Error(`the patch by ${patch.which} is not live`);
    }
    if (i === 0) continue;
    pauses.gap.push(gapNanos / 1e6);
    pauses.standstill.push(standstillNanos / 1e6);
    pauses.told.push(told);
  }
  return pauses;
}

function spread(values: readonly number[]): string {
  return [median(values), percentile(values, 0.99), longest(values)].map(digits).join(' / ');
}
