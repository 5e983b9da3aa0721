/** How long a whole command takes, and where. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Timings } from '../src/app/report.js';
import { extractBody } from './by-hand.js';
import type { Measured } from './command.js';
import type { MeasuredPatch } from './hcr.js';
import { advantage, digits, table } from './markdown.js';
import { CFLAGS, COMPILER } from './programs.js';
import { RunningTarget } from './running-target.js';
import type { Bench } from './section.js';
import { median } from './statistics.js';

const RUNS = 15;
const FIRST_VERSION = 10;
const NO_STAGES = ['', '', '', '', ''];

export async function measureCommandTime(bench: Bench): Promise<string> {
  const { programs, commands, hcr, gdb } = bench;
  bench.say('whole commands');
  const program = await programs.buildTarget('spinner');
  using target = await RunningTarget.start(program, '1');
  const body = programs.path('answer-body.bin');
  const bare = programs.path('bare.o');
  const withObject: MeasuredPatch[] = [];
  const withSource: MeasuredPatch[] = [];
  const node: Measured[] = [];
  const gcc: Measured[] = [];
  const objcopy: Measured[] = [];
  const script: Measured[] = [];
  // All in turn, so that what else the machine does falls on each of them.
  for (let i = 0; i < RUNS; i++) {
    const version = FIRST_VERSION + 2 * i;
    const object = await programs.compileVersion(version);
    withObject.push(await hcr.attach(target.pid, 'answer', '--object', object));
    edit(programs.answerSource, version + 1);
    withSource.push(await hcr.attach(target.pid, 'answer'));
    node.push(await commands.run([process.execPath, '-e', '0']));
    gcc.push(await commands.run([COMPILER, ...CFLAGS, '-c', '-o', bare, programs.answerSource]));
    objcopy.push(
      await commands.run(['objcopy', '-O', 'binary', '--only-section', '.text', bare, body]),
    );
    await extractBody(object, body);
    script.push(await gdb.patch(target.pid, 'answer_by_hand', body));
  }
  const fromSource = [gcc, objcopy, script].reduce((sum, runs) => sum + wall(runs), 0);
  const rows = [
    [
      '`hcr attach --object`',
      ...stages(withObject),
      ...whole(withObject),
      advantage(wall(script), wall(withObject)),
    ],
    ['gdb script', ...NO_STAGES, ...whole(script), ''],
    [
      '`hcr attach --func`',
      ...stages(withSource),
      ...whole(withSource),
      advantage(fromSource, wall(withSource)),
    ],
    ['gcc, objcopy, gdb script', ...NO_STAGES, digits(fromSource), '', ''],
    ['`gcc -c` of the same file', ...NO_STAGES, ...whole(gcc), ''],
    ['`node -e 0`', ...NO_STAGES, ...whole(node), ''],
  ];
  const head = [
    '',
    'start',
    'observe',
    'build',
    'link',
    'publish',
    'whole',
    'CPU',
    'by hand / hcr',
  ];
  return `## Whole command

Wall time of the whole process in milliseconds, and the stages that hcr reports; medians of ${RUNS}
runs. "Start" is what the report leaves out: Node, hcr's own modules, the end. "CPU" is what the
process kept processors busy for, whoever else wanted them. To reach: 250 ms for
\`hcr attach --object\`. By hand, that is the gdb script alone; from an edited source it is gcc,
objcopy and the gdb script.

${table(head, rows)}`;
}

function edit(source: string, version: number): void {
  const text = readFileSync(source, 'utf8');
  writeFileSync(source, text.replace(/^#define VERSION .*$/m, `#define VERSION ${version}`));
}

function wall(runs: readonly Measured[]): number {
  return median(runs.map(({ wallMs }) => wallMs));
}

function whole(runs: readonly Measured[]): string[] {
  return [digits(wall(runs)), digits(median(runs.map(({ cpuMs }) => cpuMs)))];
}

/** Cells from the start to the last stage. */
function stages(runs: readonly MeasuredPatch[]): string[] {
  const stage = (name: keyof Timings): string =>
    digits(median(runs.map(({ report }) => report.timingsMs[name] ?? 0)));
  const start = median(runs.map(({ wallMs, report }) => wallMs - report.timingsMs.total));
  const names = ['observe', 'build', 'link', 'publish'] as const;
  return [digits(start), ...names.map(stage)];
}
