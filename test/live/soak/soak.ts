/**
 * Patches a program at random for as long as is asked: fixtures/soak, 32 threads in 30 functions.
 * One long-living hcr does it, now and then a fresh process, which now and then is killed. What
 * every function has to tell is known at every moment, and the program checks its own results.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { attachFunctions } from '../../../src/app/attach.js';
import { rollBack } from '../../../src/app/rollback.js';
import { readStatus } from '../../../src/app/status.js';
import { type Fixture } from '../../support/fixture.js';
import { hcrCommand, attach, rollBack as rollBackByCommand } from '../../support/hcr.js';
import { type Target, startTarget } from '../../support/target.js';
import { nextTick } from '../../support/ticks.js';
import { type Footprint, takeFootprint } from './footprint.js';
import { Random } from '../../support/random.js';

const FUNCTIONS = Array.from({ length: 30 }, (_, i) => `work_${i}`);
const MOST_AT_ONCE = 6;
/** How long a fresh hcr that patches takes, or more: it is killed at any moment of that. */
const COMMAND_MS = 700;
/** The machine may have others to serve for long. */
const COMMAND = { patienceMs: 600_000 };
const PATCHING = { dryRun: false, unchecked: false, timeoutMs: 300_000 };
const SAME_AS_EVER = (): void => undefined;

/** What is done, in a hundred thousand steps. */
const FREQUENCY = { rollBack: 4000, command: 400, commandRollBack: 200, kill: 600 };
type Step = keyof typeof FREQUENCY | 'patch';

export interface SoakPlan {
  readonly patches: number;
  readonly seed: number;
  /** Versions of the functions to choose from. */
  readonly versions: number;
  /** After how many patches the program is asked what it runs. */
  readonly askEvery: number;
  readonly sampleEvery: number;
  readonly onSample?: (footprint: Footprint) => void;
  /** How often each is done at least, wherever the chance falls. */
  readonly atLeast?: number;
}

export interface SoakOutcome {
  readonly footprints: readonly Footprint[];
  readonly counts: Readonly<Record<Step | 'killed' | 'asked', number>>;
  readonly longestPauseMicros: number;
  readonly medianPauseMicros: number;
  readonly rounds: number;
}

/** The version of each function. */
type Versions = readonly number[];

class Soak {
  readonly counts = {
    patch: 0,
    rollBack: 0,
    command: 0,
    commandRollBack: 0,
    kill: 0,
    killed: 0,
    asked: 0,
  };
  readonly pauses: number[] = [];
  rounds = 0;
  private readonly target: Target;
  private readonly objects: readonly string[];
  private readonly random: Random;
  private live: Versions = FUNCTIONS.map(() => 0);
  private readonly versionsAt = new Map<number, Versions>([[0, this.live]]);

  constructor(target: Target, objects: readonly string[], random: Random) {
    this.target = target;
    this.objects = objects;
    this.random = random;
  }

  get patches(): number {
    return this.counts.patch + this.counts.command;
  }

  chooseStep(): Step {
    let chance = this.random.below(100_000);
    for (const [step, share] of Object.entries(FREQUENCY)) {
      if (chance < share) return step as keyof typeof FREQUENCY;
      chance -= share;
    }
    return 'patch';
  }

  async make(step: Step): Promise<void> {
    switch (step) {
      case 'patch':
      case 'command':
        await this.patch(step);
        break;
      case 'rollBack':
      case 'commandRollBack':
        await this.rollBack(step);
        break;
      case 'kill':
        await this.kill();
        break;
    }
    this.counts[step]++;
  }

  private choosePatch(): { names: string[]; version: number; versions: Versions } {
    const version = 1 + this.random.below(this.objects.length);
    const chosen = this.random.some(
      FUNCTIONS.map((_, i) => i).filter((i) => this.live[i] !== version),
      1 + this.random.below(MOST_AT_ONCE),
    );
    return {
      version,
      names: chosen.map((i) => FUNCTIONS[i] ?? ''),
      versions: this.live.map((was, i) => (chosen.includes(i) ? version : was)),
    };
  }

  private objectOf(version: number): string {
    return this.objects[version - 1] ?? '';
  }

  private async patch(step: 'patch' | 'command'): Promise<void> {
    const { pid } = this.target;
    const { names, version, versions } = this.choosePatch();
    const object = this.objectOf(version);
    const report =
      step === 'command'
        ? await attach(pid, names, ['--object', object], COMMAND)
        : await attachFunctions(pid, names, { ...PATCHING, object }, SAME_AS_EVER);
    expect(report.functions.map(({ name }) => name).sort()).toEqual(names.sort());
    this.pauses.push(report.pauseMicros);
    this.becomes(report.generation, versions);
  }

  private becomes(generation: number, versions: Versions): void {
    this.versionsAt.set(generation, versions);
    this.live = versions;
  }

  private async rollBack(step: 'rollBack' | 'commandRollBack'): Promise<void> {
    const { pid } = this.target;
    const { generations, generation } = await readStatus(pid);
    const kept = generations
      .filter(({ state }) => state === 'kept' || state === 'live')
      .map(({ generation: number }) => number)
      .filter((number) => number !== generation && this.versionsAt.has(number));
    const to = this.random.of([0, ...kept.slice(-20)]);
    const report = await (step === 'commandRollBack'
      ? rollBackByCommand(pid, ['--to', String(to)], COMMAND)
      : rollBack(pid, { to, dryRun: false, timeoutMs: PATCHING.timeoutMs }, SAME_AS_EVER)
    ).catch((error: unknown) => {
      // What was live of a retired one may be left out of the choice only by trying.
      throw new Error(`cannot go back to ${to}`, { cause: error });
    });
    expect(report.generation).toBe(to);
    this.becomes(to, this.versionsAt.get(to) ?? []);
  }

  /** Kills a fresh hcr at a random moment. The next one finds out how far it came. */
  private async kill(): Promise<void> {
    const { pid } = this.target;
    const before = await readStatus(pid);
    const { names, version, versions } = this.choosePatch();
    const [program = '', ...words] = hcrCommand([
      'attach',
      pid,
      ...names.flatMap((name) => ['--func', name]),
      ...['--object', this.objectOf(version), '--quiet'],
    ]);
    const child = spawn(program, words, { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await Promise.race([ended, sleep(this.random.below(COMMAND_MS))]);
    child.kill('SIGKILL');
    await ended;
    if (child.signalCode === 'SIGKILL') this.counts.killed++;
    await this.findOut(before.generation, versions);
  }

  /** A rollback to where it is makes the record whole and changes nothing else. */
  private async findOut(was: number, versions: Versions): Promise<void> {
    const { pid } = this.target;
    const seen = await readStatus(pid);
    const options = { to: seen.generation, dryRun: false, timeoutMs: PATCHING.timeoutMs };
    await rollBack(pid, options, SAME_AS_EVER);
    const { generation, generations } = await readStatus(pid);
    for (const { generation: number } of generations) {
      if (!this.versionsAt.has(number)) this.versionsAt.set(number, versions);
    }
    if (generation !== was) this.becomes(generation, versions);
  }

  /** Reads what the program prints until it tells of all the versions that it should run. */
  async ask(): Promise<void> {
    const { target } = this;
    target.lines.skipArrived();
    const deadline = performance.now() + 60_000;
    for (;;) {
      const tick = await nextTick(target);
      if (tick['wrong'] !== '0') {
        target.kill('SIGKILL');
        expect.fail(`wrong results: ${(await target.errorLines.rest()).slice(0, 10).join('; ')}`);
      }
      this.rounds = Number(tick['rounds']);
      if (tick['versions'] === this.live.join(',')) break;
      if (performance.now() > deadline) expect(tick['versions']).toBe(this.live.join(','));
    }
    this.counts.asked++;
  }

  /** Forgets what cannot be gone back to any more, as hcr does. */
  async forget(): Promise<void> {
    const { generations } = await readStatus(this.target.pid);
    const known = new Set([0, ...generations.map(({ generation }) => generation)]);
    for (const number of this.versionsAt.keys()) {
      if (!known.has(number)) this.versionsAt.delete(number);
    }
  }
}

/** @throws as soon as anything is not as it should be */
export async function soak(fixture: Fixture, plan: SoakPlan): Promise<SoakOutcome> {
  const objects: string[] = [];
  for (let version = 1; version <= plan.versions; version++) {
    const object = `work-${version}.o`;
    await fixture.run('gcc', '-O2', '-g', `-DVERSION=${version}`, '-c', '-o', object, 'work.c');
    objects.push(fixture.path(object));
  }
  await using target = await startTarget(fixture.program);
  const run = new Soak(target, objects, new Random(plan.seed));
  const footprints: Footprint[] = [];
  const steps = Object.keys(FREQUENCY) as Step[];
  const certain = Array.from({ length: plan.atLeast ?? 0 }, () => steps).flat();
  let made = 0;
  let asked = 0;
  while (run.patches < plan.patches) {
    // Those that are certain are spread over the whole.
    const isDue = made < certain.length && run.patches >= (plan.patches * made) / certain.length;
    const step = isDue ? certain[made++] : undefined;
    await run.make(step ?? run.chooseStep());
    if (run.patches - asked >= plan.askEvery) {
      asked = run.patches;
      await run.ask();
    }
    if (run.patches < (footprints.length + 1) * plan.sampleEvery) continue;
    await run.forget();
    const footprint = takeFootprint(target.pid, run.patches);
    footprints.push(footprint);
    plan.onSample?.(footprint);
  }
  await run.ask();
  expect(await target.stop()).toEqual({ code: 0, signal: null });
  const pauses = run.pauses.toSorted((a, b) => a - b);
  return {
    footprints,
    counts: run.counts,
    longestPauseMicros: pauses.at(-1) ?? 0,
    medianPauseMicros: pauses[Math.floor(pauses.length / 2)] ?? 0,
    rounds: run.rounds,
  };
}
