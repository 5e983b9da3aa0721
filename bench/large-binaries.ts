/** Time and memory on large programs. */
import { extractBody } from './by-hand.js';
import type { Measured } from './command.js';
import {
  PATCHED_FUNCTION,
  UNITS,
  buildLargeProgram,
  debugBytes,
  sizeBytes,
} from './large-program.js';
import { advantage, digits, mebibytes, table } from './markdown.js';
import { RunningTarget } from './running-target.js';
import type { Bench } from './section.js';
import { median } from './statistics.js';

const RUNS = 5;
const NODE_SCRIPT = 'console.log("ready"); process.stdin.resume()';
/** A function of the Node executable. */
const NODE_FUNCTION = 'uv_run';

export async function measureLargeBinaries(bench: Bench): Promise<string> {
  const rows = [...(await measureNode(bench)), ...(await measureLargeProgram(bench))];
  const head = [
    '',
    'observe, ms',
    'whole, ms',
    'MiB',
    'gdb, ms',
    'gdb, MiB',
    'time, gdb / hcr',
    'memory, gdb / hcr',
  ];
  const { executable } = await buildLargeProgram();
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  return `## Large programs

Wall time and the most memory held, medians of ${RUNS} runs. The Node executable
(${megabytes(sizeBytes(process.execPath))}) has symbols and no debug information of its own; the large program
(${megabytes(sizeBytes(executable))}, ${megabytes(await debugBytes(executable))} of it debug information) has ${UNITS} translation units. gdb does
the like: attach and detach; \`info functions\`; the patch by hand. To reach: observe under 1 s and
200 MB.

${table(head, rows)}`;
}

async function measureNode({ hcr, gdb, say }: Bench): Promise<string[][]> {
  say('the Node executable');
  using target = await RunningTarget.start(process.execPath, '-e', NODE_SCRIPT);
  const { pid } = target;
  return [
    await row(
      '`hcr status`, Node',
      () => hcr.run('status', pid),
      () => gdb.run(pid, []),
    ),
    await row(
      `\`hcr functions ${NODE_FUNCTION}\`, Node`,
      () => hcr.run('functions', pid, NODE_FUNCTION),
      () => gdb.run(pid, [`info functions ^${NODE_FUNCTION}$`]),
    ),
  ];
}

async function measureLargeProgram({ hcr, gdb, programs, say }: Bench): Promise<string[][]> {
  say('building the large program, if it is not there yet');
  const program = await buildLargeProgram();
  say('the large program');
  using target = await RunningTarget.start(program.executable);
  const { pid } = target;
  const body = programs.path('version.bin');
  await program.compileVersion(2, programs.path('version-2.o'));
  await program.compileVersion(3, programs.path('version-3.o'));
  await extractBody(programs.path('version-2.o'), body, `.text.${PATCHED_FUNCTION}`);
  const observeMs: number[] = [];
  let runs = 0;
  const attach = async (): Promise<Measured> => {
    const object = programs.path(`version-${2 + (runs++ % 2)}.o`);
    const measured = await hcr.attach(pid, PATCHED_FUNCTION, '--object', object);
    observeMs.push(measured.report.timingsMs.observe ?? Number.NaN);
    return measured;
  };
  // Another unit's function, so that each finds the code it expects.
  const byHand = PATCHED_FUNCTION.replace(/\d+$/, (number) => String(Number(number) + 1));
  const patched = await row('`hcr attach --object`, large program', attach, () =>
    gdb.patch(pid, byHand, body),
  );
  patched[1] = digits(median(observeMs));
  return [
    patched,
    await row(
      '`hcr status`, large program',
      () => hcr.run('status', pid),
      () => gdb.run(pid, []),
    ),
    await row(
      '`hcr functions`, large program',
      () => hcr.run('functions', pid, PATCHED_FUNCTION),
      () => gdb.run(pid, [`info functions ^${PATCHED_FUNCTION}$`]),
    ),
  ];
}

async function row(
  name: string,
  withHcr: () => Promise<Measured>,
  withGdb: () => Promise<Measured>,
): Promise<string[]> {
  const byHcr: Measured[] = [];
  const byGdb: Measured[] = [];
  for (let i = 0; i < RUNS; i++) {
    byHcr.push(await withHcr());
    byGdb.push(await withGdb());
  }
  const wallMs = (runs: readonly Measured[]): number => median(runs.map((run) => run.wallMs));
  const memory = (runs: readonly Measured[]): number => median(runs.map((run) => run.maxRssBytes));
  return [
    name,
    '',
    digits(wallMs(byHcr)),
    mebibytes(memory(byHcr)),
    digits(wallMs(byGdb)),
    mebibytes(memory(byGdb)),
    advantage(wallMs(byGdb), wallMs(byHcr)),
    advantage(memory(byGdb), memory(byHcr)),
  ];
}
