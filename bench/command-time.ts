/** How long a whole command takes, and where. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Timings } from '../src/app/report.js';
import { extractBody } from './by-hand.js';
import type { MeasuredPatch } from './hcr.js';
import { digits, ratio, table } from './markdown.js';
import { CFLAGS, COMPILER } from './programs.js';
import { RunningTarget } from './running-target.js';
import type { Bench } from './section.js';
import { median } from './statistics.js';

const RUNS = 15;
const FIRST_VERSION = 10;

export async function measureCommandTime(bench: Bench): Promise<string> {
  const { programs, commands, hcr, gdb } = bench;
  bench.say('whole commands');
  const program = await programs.buildTarget('spinner');
  using target = await RunningTarget.start(program, '1');
  const body = programs.path('answer-body.bin');
  const withObject: MeasuredPatch[] = [];
  const withSource: MeasuredPatch[] = [];
  const nodeMs: number[] = [];
  const gccMs: number[] = [];
  const objcopyMs: number[] = [];
  const gdbMs: number[] = [];
  // All in turn, so that what else the machine does falls on each of them.
  for (let i = 0; i < RUNS; i++) {
    const version = FIRST_VERSION + 2 * i;
    const object = await programs.compileVersion(version);
    withObject.push(await hcr.attach(target.pid, 'answer', '--object', object));
    edit(programs.answerSource, version + 1);
    withSource.push(await hcr.attach(target.pid, 'answer'));
    nodeMs.push((await commands.run([process.execPath, '-e', '0'])).wallMs);
    const compile = [COMPILER, ...CFLAGS, '-c', '-o', programs.path('bare.o'), programs.answerSource];
    gccMs.push((await commands.run(compile)).wallMs);
    const extract = ['objcopy', '-O', 'binary', '--only-section', '.text', programs.path('bare.o'), body];
    objcopyMs.push((await commands.run(extract)).wallMs);
    await extractBody(object, body);
    gdbMs.push((await gdb.patch(target.pid, 'answer_by_hand', body)).wallMs);
  }
  const rest = ['', '', '', ''];
  const gcc = median(gccMs);
  const byHand = median(gdbMs);
  const byHandFromSource = gcc + median(objcopyMs) + byHand;
  const rows = [
    ['`hcr attach --object`', ...stages(withObject), ratio(wall(withObject), byHand)],
    ['`hcr attach --func`', ...stages(withSource), ratio(wall(withSource), byHandFromSource)],
    ['gdb script', ...rest, '', digits(byHand), '1x'],
    ['gcc, objcopy, gdb script', '', '', digits(gcc), '', '', digits(byHandFromSource), '1x'],
    ['`node -e 0`', ...rest, '', digits(median(nodeMs)), ''],
    ['`gcc -c` of the same file', ...rest, '', digits(gcc), ''],
  ];
  const head = ['', 'start', 'observe', 'build', 'link', 'publish', 'whole', 'hcr / by hand'];
  return `## Whole command

Wall time of the whole process in milliseconds, and the stages that hcr reports; medians of ${RUNS}
runs. "Start" is what is not in the report: Node, hcr's own modules, the end. To reach: 250 ms for
\`hcr attach --object\`. By hand, the same is the gdb script alone; with the source edited it is gcc,
objcopy and the gdb script.

${table(head, rows)}`;
}

function edit(source: string, version: number): void {
  const text = readFileSync(source, 'utf8');
  writeFileSync(source, text.replace(/^#define VERSION .*$/m, `#define VERSION ${version}`));
}

function wall(runs: readonly MeasuredPatch[]): number {
  return median(runs.map(({ wallMs }) => wallMs));
}

/** Cells of one row, from the start to the whole. */
function stages(runs: readonly MeasuredPatch[]): string[] {
  const stage = (name: keyof Timings): string =>
    digits(median(runs.map(({ report }) => report.timingsMs[name] ?? 0)));
  const start = median(runs.map(({ wallMs, report }) => wallMs - report.timingsMs.total));
  return [
    digits(start),
    ...(['observe', 'build', 'link', 'publish'] as const).map(stage),
    digits(wall(runs)),
  ];
}
