/**
 * From the save of a source to its code being live: hcr watch, the bare compiler, and the way of tools
 * inside the program (jet-live): compile, link a shared object, dlopen it.
 */
import { performance } from 'node:perf_hooks';
import { readFileSync, writeFileSync } from 'node:fs';
import { buildLargeProgram } from './large-program.js';
import { advantage, digits, table } from './markdown.js';
import { CFLAGS, COMPILER } from './programs.js';
import { RunningTarget } from './running-target.js';
import type { Bench } from './section.js';
import { median } from './statistics.js';
import { Watching } from './watching.js';

/** The first ones run code that the engine has not compiled yet. */
const WARM_UP = 4;
const RUNS = 9;

interface Subject {
  readonly name: string;
  readonly executable: string;
  readonly source: string;
  readonly cflags: readonly string[];
  edited(text: string, version: number): string;
}

interface Times {
  readonly live: number[];
  /** By how much it is more than the bare compiler on the same edit. */
  readonly beyond: number[];
  /** The same of the very first edit. */
  first: number;
  /** hcr's own processor time for one edit, on average. */
  processor: number;
  readonly bare: number[];
  readonly dlopen: number[];
}

export async function measureSaveToLive(bench: Bench): Promise<string> {
  const { programs, say } = bench;
  say('building the large program, if it is not there yet');
  const large = await buildLargeProgram();
  const subjects: Subject[] = [
    {
      name: 'one file',
      executable: await programs.buildTarget('spinner'),
      source: programs.answerSource,
      cflags: CFLAGS,
      edited: (text, version) => text.replace(/(#define VERSION) \d+/, `$1 ${version}`),
    },
    {
      name: '1,000 units',
      executable: large.executable,
      source: large.patchedSource,
      cflags: large.cflags,
      edited: (text, version) => text.replace(/return VERSION/, `return ${version}`),
    },
  ];
  const rows: string[][] = [];
  for (const subject of subjects) {
    say(`save to live: ${subject.name}`);
    rows.push(row(subject.name, await measure(bench, subject)));
  }
  const head = ['', 'hcr', '`gcc -c`', 'beyond it', 'first edit', 'CPU', 'compile, link, dlopen'];
  return `## Save to live

From the write of a source to the event that its code is live, in milliseconds; medians of ${RUNS}
edits after ${WARM_UP} others, all in turn. Beside it the bare compiler on the same file right after each
edit; by how much hcr took longer, and how much that was for the very first edit; the processor time of
hcr itself for one edit, which other work on the machine does not change much; and what a tool inside
the program does: compile with \`-fPIC\`, link a shared object, \`dlopen\` it. To reach: 60 ms
beyond the compiler.

${table([...head, 'dlopen / hcr'], rows)}`;
}

async function measure(bench: Bench, subject: Subject): Promise<Times> {
  const { programs, commands } = bench;
  const opener = await programs.buildTool('opener');
  const original = readFileSync(subject.source, 'utf8');
  using target = await RunningTarget.start(subject.executable, '1');
  using inside = await RunningTarget.start(opener);
  using watching = new Watching(target.pid);
  const times: Times = { live: [], beyond: [], first: 0, processor: 0, bare: [], dlopen: [] };
  try {
    await watching.ready();
    for (let i = 0; i < WARM_UP + RUNS; i++) {
      const start = performance.now();
      writeFileSync(subject.source, subject.edited(original, 1000 + i));
      let outcome = await watching.outcome();
      // What an earlier run has put back is newer than the program: looked at first.
      if (outcome.functions === 0) outcome = await watching.outcome();
      const live = performance.now() - start;
      const compile = [COMPILER, ...subject.cflags, '-c', subject.source, '-o'];
      const bare = await commands.run([...compile, programs.path('bare.o')]);
      const library = programs.path(`reload-${i}.so`);
      const linking = performance.now();
      await commands.run([...compile, programs.path('pic.o'), '-fPIC']);
      await commands.run([COMPILER, '-shared', '-o', library, programs.path('pic.o')]);
      const [opened] = await inside.ask(library);
      if (opened !== 1) throw new Error(`${library} was not opened`);
      if (i === 0) times.first = live - bare.wallMs;
      if (i === WARM_UP - 1) times.processor = -watching.processorMs / RUNS;
      if (i < WARM_UP) continue;
      times.live.push(live);
      times.beyond.push(live - bare.wallMs);
      times.bare.push(bare.wallMs);
      times.dlopen.push(performance.now() - linking);
    }
    times.processor += watching.processorMs / RUNS;
  } finally {
    writeFileSync(subject.source, original);
  }
  return times;
}

function row(name: string, { live, beyond, first, processor, bare, dlopen }: Times): string[] {
  const cells = [live, bare, beyond, [first], [processor], dlopen].map((values) =>
    digits(median(values)),
  );
  return [name, ...cells, advantage(median(dlopen), median(live))];
}
