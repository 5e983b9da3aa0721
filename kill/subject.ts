/**
 * A target with what is known of it: which generation has which version of the code, and what its
 * threads have seen. Every hcr that it meets is followed by the checks of all three: threads, code
 * and record.
 */
import type { PatchReport } from '../src/app/report.js';
import { CodeWatch } from './code.js';
import type { Cell } from './cells.js';
import { type Fate, type Plan, meet } from './fate.js';
import { type Order, awaitCopy, obey, startCommand, startCopy, wordsFor } from './hcr.js';
import { Loss, assertGoesOn } from './health.js';
import { type Program, type Scratch, VERSIONS } from './programs.js';
import { type RecordSeen, compareRecord } from './record.js';
import { type Slot, Target } from './target.js';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** How an hcr is run: as a copy of this process, or as users do. */
export type Means = 'copy' | 'command' | 'two at once';

/** A target meets so many generations of code; then a fresh one takes over. */
const MAX_AGE = 40;

export interface Encounter {
  readonly fate: Fate;
  readonly seen: RecordSeen;
}

export class Subject implements AsyncDisposable {
  readonly target: Target;
  readonly cell: Cell;
  private readonly program: Program;
  private readonly outcome: string;
  private readonly code: CodeWatch;
  /** The version of the parts in each generation, by {@link nameOf}. */
  private readonly versions = new Map<string, number>();
  private seen: RecordSeen;
  private slots: readonly Slot[];

  private constructor(
    target: Target,
    cell: Cell,
    scratch: Scratch,
    seen: RecordSeen,
    code: CodeWatch,
    slots: readonly Slot[],
  ) {
    this.target = target;
    this.cell = cell;
    this.program = target.program;
    this.outcome = join(scratch.directory, `outcome-${target.pid}`);
    this.code = code;
    this.seen = seen;
    this.slots = slots;
  }

  static async start(scratch: Scratch, program: Program, cell: Cell): Promise<Subject> {
    const target = await Target.start(scratch, program, cell.shape);
    try {
      const code = new CodeWatch(target);
      const seen = await compareRecord(target, code);
      const subject = new Subject(target, cell, scratch, seen, code, target.slots);
      if (cell.verb !== 'first attach') await subject.next();
      return subject;
    } catch (error) {
      await target[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A program that a killed `hcr run` has left. @throws Loss */
  static async leftBehind(
    scratch: Scratch,
    target: Target,
    cell: Cell,
    version: number,
  ): Promise<Subject> {
    const code = new CodeWatch(target);
    const unseen = target.slots.map((slot) => ({ ...slot, wrong: 0, broken: 0, interrupted: 0 }));
    await assertGoesOn(target, unseen, true);
    const seen = await compareRecord(target, code);
    const subject = new Subject(target, cell, scratch, seen, code, target.slots);
    await subject.look({ verb: 'attach', version }, false);
    return subject;
  }

  /** What its record said when it was last looked at. */
  get record(): RecordSeen {
    return this.seen;
  }

  /** Whether the cell's verb can be tried on it again. */
  get isFit(): boolean {
    return this.cell.verb === 'first attach' ? !this.seen.exists : this.versions.size < MAX_AGE;
  }

  private get version(): number {
    return this.versionOf(this.seen.generation);
  }

  private versionOf(generation: number, seen = this.seen): number {
    return this.versions.get(nameOf(seen, generation)) ?? 1;
  }

  /** The order that the cell's verb stands for now. */
  async order(): Promise<Order> {
    const version = VERSIONS.find((candidate) => candidate !== this.version) ?? VERSIONS[0];
    switch (this.cell.verb) {
      case 'first attach':
      case 'attach':
        return { verb: 'attach', version };
      case 'reload':
      case 'watch':
        return { verb: this.cell.verb, version };
      case 'run':
        throw new Error('a program that runs already cannot be started');
      case 'rollback': {
        const others = [0, ...this.seen.kept].filter(
          (each) => this.versionOf(each) !== this.version,
        );
        const to = others.at(-1);
        if (to !== undefined) return { verb: 'rollback', to };
        await this.next();
        return await this.order();
      }
    }
  }

  /** Has an hcr meet its fate, and looks at what is left. @throws Loss */
  async meet(order: Order, plan: Plan, means: Means): Promise<Encounter> {
    const { target, program, outcome } = this;
    const { pid } = target;
    rmSync(outcome, { force: true });
    const rival = means === 'two at once' ? await this.startRival(order) : undefined;
    const isQuiet = order.verb === 'watch';
    const begins = this.seen.left === 'nothing' && !isQuiet ? 'traced' : 'traced from the start';
    const hcr =
      means === 'command'
        ? startCommand(wordsFor(pid, program, order), outcome)
        : await startCopy(pid, program, order, outcome, begins);
    const tids = new Set(target.masks.keys());
    const stopsItself = means !== 'command' && !isQuiet;
    const fate = meet({ pid: hcr, isTarget: (tid) => tids.has(tid), stopsItself }, plan);
    const other = rival === undefined ? 0 : awaitCopy(rival);
    if (other > 0) throw new Loss(`the other hcr failed: ${this.said(`${outcome}-rival`)}`);
    if (fate.ending.kind === 'exited' && fate.ending.code !== 0 && plan.kind !== 'signalled')
      throw new Loss(`hcr failed (${fate.ending.code}): ${this.said()}`);
    return { fate, seen: await this.look(order, fate.wasKilled) };
  }

  /** Another hcr that wants the same at the same time: one of them has to wait. */
  private startRival(order: Order): Promise<number> {
    const outcome = `${this.outcome}-rival`;
    rmSync(outcome, { force: true });
    return startCopy(this.target.pid, this.program, order, outcome, 'at once');
  }

  private said(outcome = this.outcome): string {
    return existsSync(outcome) ? readFileSync(outcome, 'utf8') : 'nothing';
  }

  /** The next hcr: it must find what was left, and put it right. @throws Loss */
  async next(order?: Order): Promise<PatchReport> {
    const { left } = this.seen;
    const back = order?.verb === 'rollback' ? this.versionOf(order.to) : undefined;
    const wanted: Order = order ?? {
      verb: 'attach',
      version: VERSIONS.find((candidate) => candidate !== this.likelyVersion()) ?? VERSIONS[0],
    };
    let report: PatchReport;
    try {
      report = await obey(this.target.pid, this.program, wanted);
    } catch (error) {
      throw new Loss(`the next hcr refused to ${JSON.stringify(wanted)}`, { cause: error });
    }
    if (report.notes.some((note) => /was killed/.test(note)) !== (left !== 'nothing'))
      throw new Loss(`the next hcr found ${left} and said: ${report.notes.join(' ') || 'nothing'}`);
    const seen = await this.look(wanted, false);
    if (seen.left !== 'nothing') throw new Loss(`the next hcr left ${seen.left}`);
    if (report.generation !== seen.generation)
      throw new Loss(`hcr says generation ${report.generation}, the record ${seen.generation}`);
    if (this.version !== (wanted.verb === 'rollback' ? back : wanted.version))
      throw new Loss(`version ${this.version} runs after ${JSON.stringify(wanted)}`);
    if (wanted.verb !== 'rollback') this.assertTidy(seen);
    return report;
  }

  /** What will be live once an interrupted publication is dealt with. */
  private likelyVersion(): number {
    const { left, pendingTo, generation } = this.seen;
    return this.versionOf(left === 'made' ? pendingTo : generation);
  }

  private assertTidy({ abandoned }: RecordSeen): void {
    if (abandoned > 0) throw new Loss('memory of a killed hcr is still mapped');
    if (this.target.openFiles().some((file) => file.includes('memfd:hcr')))
      throw new Loss('the file of hcr’s memory is still open in it');
  }

  private async look(order: Order, isKilled: boolean): Promise<RecordSeen> {
    const { target, versions } = this;
    await assertGoesOn(target, this.slots, isKilled);
    const seen = await compareRecord(target, this.code);
    if (order.verb !== 'rollback') {
      for (const generation of seen.madeAt.keys()) {
        const name = nameOf(seen, generation);
        if (!versions.has(name)) versions.set(name, order.version);
      }
    }
    this.seen = seen;
    this.slots = target.slots;
    const now = this.versionOf(seen.generation);
    const coming = this.versionOf(seen.pendingTo);
    const expected = seen.isHalfPublished ? [now, coming] : [seen.isNew ? coming : now];
    for (const slot of this.slots)
      if (!slot.versions.every((version) => expected.includes(version)))
        throw new Loss(
          `thread ${slot.tid} runs versions ${slot.versions.join()}, not ${expected.join(' or ')}`,
        );
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.code[Symbol.dispose]();
    await this.target[Symbol.asyncDispose]();
  }
}

function nameOf({ madeAt }: RecordSeen, generation: number): string {
  return `${generation} of ${madeAt.get(generation) ?? 'the program'}`;
}
