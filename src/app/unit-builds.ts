/** Compiles the units of a patch, some perhaps more than once, and knows what was found out about their
 *  flags meanwhile. */
import type { Compile } from '../build/compile.js';
import { inParallel } from '../build/in-parallel.js';
import { runUserBuild } from '../build/user-build.js';
import { rehearsePublication } from '../ptrace/rehearse.js';
import { type BuildSetting, buildSettingOf } from './build-setting.js';
import { type BuiltUnit, type RefutedAnswers, buildUnit } from './build-unit.js';
import type { WantedUnit } from './locate.js';
import type { ProcessImage } from './observe.js';
import { readAhead } from './read-ahead.js';
import type { PatchOptions, ReportProgress } from './report.js';
import type { Stopwatch } from './stopwatch.js';

export interface UnitObject {
  readonly unit: WantedUnit;
  readonly object: BuiltUnit;
}

export interface BuildContext {
  readonly image: ProcessImage;
  readonly options: PatchOptions;
  readonly watch: Stopwatch;
  readonly onProgress: ReportProgress;
  /** In place of the compiler, what keeps its objects. */
  readonly compile: Compile | undefined;
  /** Called when the compilers run. */
  readonly whileCompiling: () => void;
}

export class UnitBuilds {
  private readonly context: BuildContext;
  /** Flags found for units by comparing, where nothing records them. */
  private readonly guessed = new Map<WantedUnit, readonly string[]>();
  /** Answers of the build that are not of this program. */
  private readonly refuted = new Map<WantedUnit, RefutedAnswers>();

  constructor(context: BuildContext) {
    this.context = context;
  }

  /** @throws HcrError whatever {@link buildUnit} refuses with */
  build(units: readonly WantedUnit[], extraFlags: readonly string[]): Promise<UnitObject[]> {
    const { image, options, watch, onProgress, whileCompiling } = this.context;
    const buildsNothing = options.object !== undefined && options.build === undefined;
    const setting = buildsNothing ? { roots: [] } : buildSettingOf(image);
    return watch.time('build', async () => {
      if (options.build !== undefined && extraFlags.length === 0) {
        await runUserBuild(options.build, {
          directory: process.cwd(),
          ...(setting.user === undefined ? {} : { user: setting.user }),
          onStart: (command) => {
            onProgress({ stage: 'build', command });
          },
        });
      }
      const builds = inParallel(units, async (unit) => ({
        unit,
        object: await this.buildOne(unit, setting, extraFlags),
      }));
      // A second compilation comes when all of this is done.
      whileCompiling();
      const isCompiling = options.object === undefined && extraFlags.length === 0;
      const rehearses = isCompiling && !options.dryRun;
      const rehearsal = rehearses ? rehearsePublication() : undefined;
      const both = Promise.all([builds, rehearsal]);
      // It may fail before it is waited for.
      both.catch(() => undefined);
      if (isCompiling) await this.readAhead(units);
      const [built] = await both;
      return built;
    });
  }

  /** Compiles by what is not refuted, without flags that were guessed. */
  async rebuild(unit: WantedUnit): Promise<BuiltUnit> {
    this.guessed.delete(unit);
    return await this.buildOne(unit, buildSettingOf(this.context.image), []);
  }

  /** To be added to as answers turn out wrong. */
  refutedOf(unit: WantedUnit): RefutedAnswers {
    const known = this.refuted.get(unit) ?? new Map<string, string>();
    this.refuted.set(unit, known);
    return known;
  }

  guessedFor(unit: WantedUnit): readonly string[] {
    return this.guessed.get(unit) ?? [];
  }

  /** From now on the unit is compiled with these flags too. */
  guess(unit: WantedUnit, flags: readonly string[]): void {
    this.guessed.set(unit, flags);
  }

  private buildOne(
    unit: WantedUnit,
    setting: BuildSetting,
    extraFlags: readonly string[],
  ): Promise<BuiltUnit> {
    const { options, onProgress, compile } = this.context;
    const flags = [...extraFlags, ...this.guessedFor(unit)];
    return buildUnit(unit, options, setting, flags, onProgress, compile, this.refutedOf(unit));
  }

  /** Lets go of the thread between units: compilers end meanwhile, and others are to be started. */
  private async readAhead(units: readonly WantedUnit[]): Promise<void> {
    for (const unit of units) {
      readAhead(this.context.image, unit);
      await new Promise(setImmediate);
    }
  }
}
