/** Build, diff, check, link and publish for units that are known: what attach and reload share. */
import type { Decoder } from '../arch/arch.js';
import type { Compile } from '../build/compile.js';
import { inParallel } from '../build/in-parallel.js';
import { runUserBuild } from '../build/user-build.js';
import { type HcrError, isHcrError } from '../core/failure.js';
import { rehearsePublication } from '../ptrace/rehearse.js';
import { assertBuildMatches } from './build-match.js';
import { type BuiltUnit, type RefutedAnswers, buildUnit } from './build-unit.js';
import { initialiserNotes, reportData } from './data-report.js';
import { withDiffs } from './function-diff.js';
import { guessesFor } from './guess-flags.js';
import { buildSettingOf } from './build-setting.js';
import type { WantedUnit } from './locate.js';
import type { ProcessImage } from './observe.js';
import { readAhead } from './read-ahead.js';
import { withReasons } from './patch-reasons.js';
import { type PreparedUnit, prepareUnit } from './prepare-unit.js';
import type { Selection } from './select-roots.js';
import { withoutSharedFunctions } from './shared-functions.js';
import { publishGeneration } from './publish-generation.js';
import type { PatchOptions, PatchReport, ReportProgress } from './report.js';
import type { Stopwatch } from './stopwatch.js';
import { firstThatFits } from './try-sources.js';
import { FileClock } from './unit-files.js';

/**
 * Leaves out every optimisation of a caller by what the compiler saw of its callee, which then has
 * to be the live one.
 * @see gcc's manual, -flive-patching
 */
const INDEPENDENT_FLAGS = ['-flive-patching=inline-clone'];

export interface PatchRequest {
  readonly units: readonly WantedUnit[];
  /** Which functions of a unit. */
  selection(unit: WantedUnit): Selection;
  /** Said when every one of them runs already. */
  readonly nothingToDo?: string;
  readonly notes: readonly string[];
  /** In place of the compiler, what keeps its objects. */
  readonly compile?: Compile;
}

/** @throws HcrError whatever a stage refuses with; the target is as it was */
export async function patchUnits(
  image: ProcessImage,
  request: PatchRequest,
  options: PatchOptions,
  watch: Stopwatch,
  onProgress: ReportProgress,
): Promise<PatchReport> {
  const run = new PatchRun(image, request, options, watch, onProgress);
  const built = await run.build(request.units, []);
  const all = await run.prepare(built, (unit) => request.selection(unit));
  const decoder = await run.decoder();
  const clock = new FileClock();
  const prepared = withoutSharedFunctions(image, all)
    .map((unit) => withReasons(image, unit, decoder, clock))
    .map((unit) => (options.diff === true ? withDiffs(image, unit, decoder) : unit));
  const changed = prepared.filter((unit) => unit.roots.length > 0);
  const data = await watch.time('link', () => reportData(image, prepared));
  const notes = [
    ...request.notes,
    ...prepared.flatMap((unit) => unit.notes),
    ...initialiserNotes(data),
  ];
  const base = { pid: image.target.pid, dryRun: options.dryRun, data };
  if (changed.length === 0) {
    const generation = image.store.ledger.current;
    return {
      ...base,
      generation,
      functions: [],
      notes:
        request.nothingToDo !== undefined && prepared.every(({ isAllLive }) => isAllLive)
          ? [...notes, request.nothingToDo]
          : notes,
      timingsMs: watch.timings,
      pauseMicros: 0,
    };
  }
  const published = await run.publish(changed);
  return { ...base, ...published, notes: [...notes, ...published.notes], timingsMs: watch.timings };
}

interface UnitObject {
  readonly unit: WantedUnit;
  readonly object: BuiltUnit;
}

/** One attempt to patch, which may have to compile a second time. */
class PatchRun {
  private readonly image: ProcessImage;
  private readonly request: PatchRequest;
  private readonly options: PatchOptions;
  private readonly watch: Stopwatch;
  private readonly onProgress: ReportProgress;
  /** Flags found for units by comparing, where nothing records them. */
  private readonly guessed = new Map<WantedUnit, readonly string[]>();
  /** Answers of the build that are not of this program. */
  private readonly refuted = new Map<WantedUnit, RefutedAnswers>();
  private decoding: Promise<Decoder> | undefined;

  constructor(
    image: ProcessImage,
    request: PatchRequest,
    options: PatchOptions,
    watch: Stopwatch,
    onProgress: ReportProgress,
  ) {
    this.image = image;
    this.request = request;
    this.options = options;
    this.watch = watch;
    this.onProgress = onProgress;
  }

  decoder(): Promise<Decoder> {
    this.decoding ??= this.image.target.machine.loadDecoder();
    return this.decoding;
  }

  build(units: readonly WantedUnit[], extraFlags: readonly string[]): Promise<UnitObject[]> {
    const { options, onProgress } = this;
    const buildsNothing = options.object !== undefined && options.build === undefined;
    const setting = buildsNothing ? { roots: [] } : buildSettingOf(this.image);
    return this.watch.time('build', async () => {
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
        object: await buildUnit(
          unit,
          options,
          setting,
          [...extraFlags, ...(this.guessed.get(unit) ?? [])],
          onProgress,
          this.request.compile,
          this.refutedOf(unit),
        ),
      }));
      // While the compiler runs; a second compilation comes when both are done.
      void this.decoder();
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

  /** Lets go of the thread between units: compilers end meanwhile, and others are to be started. */
  private async readAhead(units: readonly WantedUnit[]): Promise<void> {
    for (const unit of units) {
      readAhead(this.image, unit);
      await new Promise(setImmediate);
    }
  }

  async prepare(
    built: readonly UnitObject[],
    selection: (unit: WantedUnit) => Selection,
  ): Promise<PreparedUnit[]> {
    return await this.watch.time('link', async () => {
      const decoder = await this.decoder();
      const { image, options } = this;
      const units: PreparedUnit[] = [];
      for (const first of built) {
        const { unit } = first;
        const selected = selection(unit);
        const isNew = selected === 'changed' || 'names' in selected;
        const prepareOne = ({ object }: UnitObject): PreparedUnit =>
          prepareUnit(image, unit, object, selected, options, decoder);
        if (!isNew) {
          units.push(prepareOne(first));
          continue;
        }
        const { prepared, guessed } = await firstThatFits(first.object, this.refutedOf(unit), {
          build: () => this.rebuild(unit),
          judge: async (built) => {
            const made = { unit, object: built };
            const [best, nearest] = await this.nearest(made, prepareOne(made), prepareOne);
            const { object } = best;
            const doubt = await assertBuildMatches(
              image,
              nearest,
              object,
              options,
              selected,
              decoder,
            );
            return { object, prepared: nearest, doubt, guessed: this.guessed.get(unit) ?? [] };
          },
        });
        this.guessed.set(unit, guessed);
        units.push(prepared);
      }
      return units;
    });
  }

  private refutedOf(unit: WantedUnit): RefutedAnswers {
    const known = this.refuted.get(unit) ?? new Map<string, string>();
    this.refuted.set(unit, known);
    return known;
  }

  private async rebuild(unit: WantedUnit): Promise<BuiltUnit> {
    this.guessed.delete(unit);
    const { options, onProgress, request } = this;
    const setting = buildSettingOf(this.image);
    return await buildUnit(
      unit,
      options,
      setting,
      [],
      onProgress,
      request.compile,
      this.refutedOf(unit),
    );
  }

  /** The version whose code is nearest to the program's, where something that shapes code is on
   *  no record. */
  private async nearest(
    object: UnitObject,
    prepared: PreparedUnit,
    prepareOne: (object: UnitObject) => PreparedUnit,
  ): Promise<[UnitObject, PreparedUnit]> {
    const { unit } = object;
    let made: [UnitObject, PreparedUnit] = [object, prepared];
    let chosen: readonly string[] = [];
    for (const guess of guessesFor(object.object, prepared)) {
      if (!guess.worthTrying(made[1])) continue;
      const flags = [...chosen, ...guess.flags];
      const [built] = await this.build([unit], flags);
      if (built === undefined) break;
      const other = prepareOne(built);
      if (!guess.isBetter(other, made[1])) continue;
      made = [built, other];
      chosen = flags;
    }
    this.guessed.set(unit, chosen);
    return made;
  }

  async publish(units: readonly PreparedUnit[]) {
    const { machine } = this.image.target;
    let flags = units.some(callsOutdatedCode) ? INDEPENDENT_FLAGS : [];
    let independent = units;
    try {
      if (flags.length > 0) independent = await this.again(units, flags);
    } catch (error) {
      // clang does not know the flag, and keeps to the convention at calls of what it does not inline.
      if (!isHcrError(error, 'compile-failed')) throw error;
      flags = [];
    }
    try {
      return await this.publishOnce(independent);
    } catch (error) {
      // Code of an executable reaches variables of libraries directly, which the linker arranges by
      // copying them. A variable that the program never used has no copy; with its address read
      // from memory it may be anywhere.
      if (!isHcrError(error, 'out-of-reach') || this.options.object !== undefined) throw error;
      return await this.publishOnce(
        await this.again(units, [...flags, ...machine.indirectDataFlags], error),
      );
    }
  }

  private async publishOnce(units: readonly PreparedUnit[]) {
    const { image, options, watch, onProgress } = this;
    return await publishGeneration(image, units, options, await this.decoder(), watch, onProgress);
  }

  /** Compiles the same functions with further flags.
   *  @param reason thrown when the compiler does not know them */
  private async again(
    units: readonly PreparedUnit[],
    flags: readonly string[],
    reason?: HcrError,
  ): Promise<PreparedUnit[]> {
    if (this.options.object !== undefined) return [...units];
    let built: UnitObject[];
    try {
      built = await this.build(
        units.map(({ wanted }) => wanted),
        flags,
      );
    } catch (error) {
      throw reason ?? error;
    }
    const roots = new Map(units.map((unit) => [unit.wanted, unit.roots]));
    return await this.prepare(built, (unit) => ({ again: roots.get(unit) ?? [] }));
  }
}

/** Whether new code calls functions whose edited versions the compiler saw and nobody patches. */
function callsOutdatedCode({ roots, leftAlone, edited }: PreparedUnit): boolean {
  const { object } = edited.unit;
  return roots.some(({ fn }) =>
    object
      .relocationsOf(fn.section)
      .some(({ symbolIndex }) => leftAlone.includes(object.symbols.at(symbolIndex).name)),
  );
}
