/**
 * `npm run kill`: kills hcr everywhere and looks after each time whether the target goes on, its
 * code and hcr's record agree, and the next hcr puts right what was left. The figures are in
 * docs/reliability.md.
 *
 *   npm run kill -- --kills 1000 --seed 7            at random, over all verbs and targets
 *   npm run kill -- --sweep                          before and after every system call in turn
 *   npm run kill -- --sweep --only 'attach, C, 8'    of those whose description has these words
 *   --report FILE                                    keeps the figures in a file, as JSON
 *   npm run kill -- --sum FILE...                    a table of the figures of several runs
 *
 * @see DESIGN notes in fate.ts and forked-process.ts
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CELLS, type Cell, describeCell } from './cells.js';
import type { Fate, Plan } from './fate.js';
import { Loss } from './health.js';
import { type Language, type Program, Scratch, buildProgram } from './programs.js';
import { Random } from '../test/support/random.js';
import { meetRun } from './runs.js';
import { type Encounter, type Means, Subject } from './subject.js';
import { Tally, sumOf } from './tally.js';

const MAX_LOSSES = 10;
const MAX_POINTS = 20_000;
const SAY_EVERY = 50;
const BATCH = 15;
const MEANS: readonly Means[] = ['copy', 'command', 'two at once'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    means: { type: 'string' },
    sweep: { type: 'boolean', default: false },
    step: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    report: { type: 'string' },
    sum: { type: 'boolean', default: false },
  },
});

class Session implements AsyncDisposable {
  readonly tally = new Tally();
  private readonly scratch = new Scratch();
  private readonly programs = new Map<Language, Program>();
  private readonly random: Random;
  private subject: Subject | undefined;
  /** Of each cell, how far an hcr that is spared comes. */
  private readonly lengths = new Map<string, Pick<Fate, 'points' | 'micros'>>();

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  private program(language: Language): Program {
    const program = this.programs.get(language) ?? buildProgram(this.scratch, language);
    this.programs.set(language, program);
    return program;
  }

  /** Patches something once, so that copies of this process have all loaded and compiled. */
  async warmUp(cells: readonly Cell[]): Promise<void> {
    const shape = { threads: 1, running: 0 };
    for (const language of new Set(cells.map((cell) => cell.language))) {
      const cell: Cell = { verb: 'reload', language, shape, weight: 1 };
      await using subject = await Subject.start(this.scratch, this.program(language), cell);
      await subject.next();
      await subject.next({ verb: 'rollback', to: 0 });
    }
  }

  private async subjectFor(cell: Cell): Promise<Subject> {
    const { subject } = this;
    if (subject?.cell === cell && subject.isFit) return subject;
    await this.drop();
    const fresh = await Subject.start(this.scratch, this.program(cell.language), cell);
    this.subject = fresh;
    return fresh;
  }

  private async drop(): Promise<void> {
    await this.subject?.[Symbol.asyncDispose]();
    this.subject = undefined;
  }

  /** @returns undefined after a loss */
  async run(cell: Cell, plan: Plan, means: Means): Promise<Fate | undefined> {
    try {
      if (cell.verb === 'run') return await this.runProgram(cell, plan);
      const subject = await this.subjectFor(cell);
      const encounter = await subject.meet(await subject.order(), plan, means);
      this.tally.add(cell, means, plan.kind, encounter.fate, encounter.seen);
      await this.followUp(subject, encounter);
      return encounter.fate;
    } catch (error) {
      if (!(error instanceof Loss)) throw error;
      this.tally.addLoss(cell, means, plan.kind);
      console.error(`LOSS: ${describeCell(cell)}, ${means}, ${JSON.stringify(plan)}`, error);
      await this.drop();
      if (this.tally.losses >= MAX_LOSSES) throw new Error('too many losses', { cause: error });
      return undefined;
    }
  }

  private async runProgram(cell: Cell, plan: Plan): Promise<Fate> {
    const { fate, subject } = await meetRun(this.scratch, this.program(cell.language), cell, plan);
    await using left = subject;
    this.tally.add(cell, 'copy', plan.kind, fate, left?.record);
    await left?.next();
    return fate;
  }

  /** The next hcr, which puts right what was left. Now and then that is the one to be killed next. */
  private async followUp(subject: Subject, { seen, fate }: Encounter): Promise<void> {
    const { random } = this;
    if (random.next() > (seen.left === 'nothing' ? 0.3 : 0.7) && fate.wasKilled) return;
    const to = random.of([0, ...seen.kept]);
    const isBack = random.next() < 0.3 && to !== seen.pendingTo && to !== seen.generation;
    await subject.next(isBack ? { verb: 'rollback', to } : undefined);
  }

  /** Kills at every point in turn. */
  async sweep(cell: Cell, step: number, isOver: () => boolean): Promise<void> {
    const before = this.tally.kills;
    for (let point = 1; point < MAX_POINTS && !isOver(); point += step) {
      const fate = await this.run(cell, { kind: 'killed-at', point }, 'copy');
      if (fate !== undefined && !fate.wasKilled) break;
    }
    console.log(`${describeCell(cell)}: killed at ${this.tally.kills - before} points in turn`);
  }

  private async lengthOf(cell: Cell): Promise<Pick<Fate, 'points' | 'micros'>> {
    const key = describeCell(cell);
    const known = this.lengths.get(key);
    if (known !== undefined) return known;
    const points = await this.run(cell, { kind: 'spared' }, 'copy');
    // The copy that is not killed before it has come to its end tells how long it takes.
    const micros = cell.verb === 'run' ? 5_000_000 : 1_000_000;
    const time = await this.run(cell, { kind: 'killed-after', micros }, 'copy');
    if (points === undefined || time === undefined) throw new Error(`${key} does not work`);
    const length = { points: points.points, micros: time.micros };
    this.lengths.set(key, length);
    return length;
  }

  async atRandom(cell: Cell): Promise<void> {
    const { points, micros } = await this.lengthOf(cell);
    const { random } = this;
    const point = random.between(1, points);
    const dice = random.next();
    const plan: Plan =
      dice < 0.45
        ? { kind: 'killed-after', micros: random.between(0, Math.round(micros * 1.05)) }
        : dice < 0.9
          ? { kind: 'killed-at', point }
          : dice < 0.95
            ? { kind: 'suspended', point, forMs: random.between(1, 300) }
            : { kind: 'signalled', point, signal: random.of(['SIGTERM', 'SIGINT', 'SIGHUP']) };
    if (cell.verb === 'run' || cell.verb === 'watch') {
      // Neither ends by itself when it is let go on, and signals are for the program that runs.
      const isEnd = plan.kind === 'killed-at' || plan.kind === 'killed-after';
      if (isEnd) await this.run(cell, plan, 'copy');
      return;
    }
    const means = plan.kind === 'signalled' ? 'command' : this.meansByChance();
    await this.run(cell, plan, means);
  }

  private meansByChance(): Means {
    if (isMeans(values.means)) return values.means;
    const dice = this.random.next();
    if (dice < 0.05) return 'command';
    return dice < 0.15 ? 'two at once' : 'copy';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop();
    this.scratch[Symbol.dispose]();
  }
}

function isMeans(word: string | undefined): word is Means {
  return word !== undefined && MEANS.some((means) => means === word);
}

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => {
    stop.abort();
  });
const isTold = (): boolean => stop.signal.aborted;

function report(tally: Tally): void {
  console.log(tally.summary);
  if (values.report !== undefined) writeFileSync(values.report, JSON.stringify(tally));
}

async function main(): Promise<void> {
  const cells = CELLS.filter((cell) => describeCell(cell).includes(values.only));
  const [first, ...others] = cells;
  if (first === undefined) throw new Error(`no cell is called ${values.only}`);
  await using session = new Session(Number(values.seed));
  const { tally } = session;
  await session.warmUp(cells);
  try {
    if (values.sweep) await sweepAll(session, cells);
    else await killAtRandom(session, [first, ...others]);
  } finally {
    report(tally);
  }
  if (tally.losses > 0) process.exitCode = 1;
}

async function sweepAll(session: Session, cells: readonly Cell[]): Promise<void> {
  for (const cell of cells) {
    await session.sweep(cell, Number(values.step), isTold);
    report(session.tally);
  }
}

async function killAtRandom(session: Session, cells: readonly [Cell, ...Cell[]]): Promise<void> {
  const { tally } = session;
  const wanted = Number(values.kills);
  const random = new Random(Number(values.seed) + 1);
  for (let said = 0; tally.kills < wanted && !isTold(); ) {
    const cell = random.weighed(cells);
    // A target that is patched already serves for many.
    for (let i = 0; i < BATCH && tally.kills < wanted && !isTold(); i++)
      await session.atRandom(cell);
    if (tally.kills - said < SAY_EVERY) continue;
    said = tally.kills;
    report(tally);
  }
}

if (values.sum) console.log(sumOf(positionals));
else await main();
