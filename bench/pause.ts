/** How long the target stands still, as it sees it itself. */
import { extractBody } from './by-hand.js';
import { advantage, digits, table } from './markdown.js';
import { RunningTarget } from './running-target.js';
import type { Bench } from './section.js';
import { longest, median } from './statistics.js';

/** Threads of the target, repetitions, and the longest gap to reach. */
const CASES = [
  { threads: 1, hcrRuns: 20, gdbRuns: 5, reachMs: 0.25 },
  { threads: 10, hcrRuns: 20, gdbRuns: 5, reachMs: undefined },
  { threads: 100, hcrRuns: 15, gdbRuns: 5, reachMs: 2 },
  { threads: 400, hcrRuns: 15, gdbRuns: 3, reachMs: 15 },
  { threads: 1000, hcrRuns: 10, gdbRuns: 3, reachMs: 40 },
] as const;

interface Version {
  readonly number: number;
  readonly object: string;
  readonly body: string;
}

export async function measurePause(bench: Bench): Promise<string> {
  const spinner = await bench.programs.buildTarget('spinner');
  // Two versions in turn: each patch changes the live code.
  const versions = [await makeVersion(bench, 2), await makeVersion(bench, 3)] as const;
  const rows: string[][] = [];
  for (const { threads, hcrRuns, gdbRuns, reachMs } of CASES) {
    bench.say(`pause, ${threads} threads`);
    using target = await RunningTarget.start(spinner, String(threads));
    const byHcr = await pausesOfHcr(bench, target, versions, hcrRuns);
    const byGdb = await pausesOfGdb(bench, target, versions, gdbRuns);
    rows.push([
      String(threads),
      digits(median(byHcr.seenMs)),
      digits(longest(byHcr.seenMs)),
      digits(median(byHcr.reportedMs)),
      reachMs === undefined ? '-' : String(reachMs),
      digits(median(byGdb)),
      digits(longest(byGdb)),
      advantage(median(byGdb), median(byHcr.seenMs)),
    ]);
  }
  const head = [
    'Threads',
    'hcr',
    'hcr, longest',
    'hcr says',
    'to reach',
    'gdb',
    'gdb, longest',
    'gdb / hcr',
  ];
  return `## Pause

How long the target stands still, in milliseconds: the longest gap between two readings of the
clock by a thread that does nothing else, in a window around one patch of one function. The other
threads sleep. The area for new code is there already, for both. Medians of
${CASES.map(({ hcrRuns }) => hcrRuns).join(', ')} runs of hcr and
${CASES.map(({ gdbRuns }) => gdbRuns).join(', ')} of gdb, and the longest of them. Gaps in which the
thread merely lost its processor to another process are left out: the kernel counts them apart.
"hcr says" is \`pauseMicros\` of its own report.

${table(head, rows)}`;
}

async function makeVersion({ programs }: Bench, number: number): Promise<Version> {
  const object = await programs.compileVersion(number);
  const body = programs.path(`answer-${number}.bin`);
  await extractBody(object, body);
  return { number, object, body };
}

async function pausesOfHcr(
  { hcr }: Bench,
  target: RunningTarget,
  versions: readonly [Version, Version],
  runs: number,
): Promise<{ readonly seenMs: number[]; readonly reportedMs: number[] }> {
  const seenMs: number[] = [];
  const reportedMs: number[] = [];
  // The first patch reserves the area and is not counted.
  for (let i = 0; i <= runs; i++) {
    const version = versions[i % 2 === 0 ? 0 : 1];
    await target.signal('SIGUSR1');
    const { report } = await hcr.attach(target.pid, 'answer', '--object', version.object);
    const [stopNanos = Number.NaN, , answer] = await target.signal('SIGUSR1');
    if (answer !== version.number) throw new Error('the patch by hcr is not live');
    if (i === 0) continue;
    seenMs.push(stopNanos / 1e6);
    reportedMs.push(report.pauseMicros / 1e3);
  }
  return { seenMs, reportedMs };
}

async function pausesOfGdb(
  { gdb }: Bench,
  target: RunningTarget,
  versions: readonly [Version, Version],
  runs: number,
): Promise<number[]> {
  const seenMs: number[] = [];
  let area: number | undefined;
  for (let i = 0; i <= runs; i++) {
    const version = versions[i % 2 === 0 ? 0 : 1];
    await target.signal('SIGUSR1');
    ({ area } = await gdb.patch(target.pid, 'answer_by_hand', version.body, area));
    const [stopNanos = Number.NaN, , , answer] = await target.signal('SIGUSR1');
    if (answer !== version.number) throw new Error('the patch by hand is not live');
    if (i > 0) seenMs.push(stopNanos / 1e6);
  }
  return seenMs;
}
