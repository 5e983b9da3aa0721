/** One attempt to patch some units: what it makes of their objects, which may be compiled again. */
import type { Decoder } from '../arch/decoder.js';
import type { Compile } from '../build/compile.js';
import { HcrError, isHcrError } from '../core/failure.js';
import { NewNames } from '../link/new-names.js';
import { readObject } from '../link/read-object-unit.js';
import { assertBuildMatches } from './build-match.js';
import { isProvenByEarlierVersion } from './earlier-version.js';
import { guessesFor } from './guess-flags.js';
import type { WantedUnit } from './locate.js';
import { NewSources } from './new-sources.js';
import type { ProcessImage } from './observe.js';
import { type PreparedUnit, prepareUnit } from './prepare-unit.js';
import { withResets } from './resets.js';
import type { Selection } from './select-roots.js';
import { publishGeneration } from './publish-generation.js';
import type { PatchOptions, ReportProgress } from './report.js';
import type { Stopwatch } from './stopwatch.js';
import { firstThatFits } from './try-sources.js';
import { UnitBuilds, type UnitObject } from './unit-builds.js';

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

/** One attempt to patch, which may have to compile a second time. */
export class PatchRun {
  private readonly image: ProcessImage;
  private readonly request: PatchRequest;
  private readonly options: PatchOptions;
  private readonly watch: Stopwatch;
  private readonly onProgress: ReportProgress;
  private readonly builds: UnitBuilds;
  private decoding: Promise<Decoder> | undefined;
  /** Of the units that were prepared last. */
  private names = new NewNames<WantedUnit>();

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
    this.builds = new UnitBuilds({
      image,
      options,
      watch,
      onProgress,
      compile: request.compile,
      whileCompiling: () => void this.decoder(),
    });
  }

  decoder(): Promise<Decoder> {
    this.decoding ??= this.image.target.machine.loadDecoder();
    return this.decoding;
  }

  /** Compiles what is asked for, and the sources that this needs and the program does not have. */
  async buildAndPrepare(): Promise<PreparedUnit[]> {
    const { image, options, request } = this;
    let built = await this.builds.build(request.units, []);
    const sources = new NewSources(image, options);
    for (;;) {
      try {
        return await this.prepare(built, (unit) => request.selection(unit));
      } catch (error) {
        const added = sources.missedBy(error, built);
        if (added.length === 0) throw error;
        built = [...built, ...sources.defining(error, await this.builds.build(added, []))];
      }
    }
  }

  async prepare(
    built: readonly UnitObject[],
    selection: (unit: WantedUnit) => Selection,
  ): Promise<PreparedUnit[]> {
    return await this.watch.time('link', async () => {
      const decoder = await this.decoder();
      const names = this.namesOf(built);
      const units = new Map<WantedUnit, PreparedUnit>();
      const objects = new Map(built.map((each) => [each.unit, each]));
      for (const { unit } of built)
        units.set(unit, await this.prepareOne(objects, unit, selection(unit), names, decoder));
      // What one unit brings for another may need more of a third.
      for (;;) {
        const open = withoutAsked([...units.values()], names);
        if (open.size === 0)
          return [...units.values()].map((unit) =>
            withResets(this.image, unit, this.options.unchecked),
          );
        for (const [unit, brought] of open) {
          const object = objects.get(unit)?.object;
          if (object === undefined) continue;
          const options = { ...this.options, names, brought };
          units.set(unit, prepareUnit(this.image, unit, object, selection(unit), options, decoder));
        }
      }
    });
  }

  /** @param objects holds the unit's; it is replaced when another one is nearer */
  private async prepareOne(
    objects: Map<WantedUnit, UnitObject>,
    unit: WantedUnit,
    selected: Selection,
    names: NewNames<WantedUnit>,
    decoder: Decoder,
  ): Promise<PreparedUnit> {
    const { image } = this;
    const options = { ...this.options, names };
    const prepare = ({ object }: UnitObject): PreparedUnit =>
      prepareUnit(image, unit, object, selected, options, decoder);
    const first = objects.get(unit);
    if (first === undefined) throw new HcrError({ code: 'unexpected', detail: 'no object' });
    const hasCounterpart = unit.added === undefined;
    if (!hasCounterpart || (selected !== 'changed' && 'again' in selected)) return prepare(first);
    const { object, prepared, guessed } = await firstThatFits(
      first.object,
      this.builds.refutedOf(unit),
      {
        build: () => this.builds.rebuild(unit),
        judge: async (built) => {
          const made = { unit, object: built };
          const [best, nearest] = await this.nearest(made, prepare(made), prepare);
          const { object } = best;
          const doubt = await assertBuildMatches(
            image,
            nearest,
            object,
            this.options,
            selected,
            decoder,
          );
          return { object, prepared: nearest, doubt, guessed: this.builds.guessedFor(unit) };
        },
        isProven: (attempt, doubt) =>
          isProvenByEarlierVersion(image, attempt, doubt, this.options, decoder),
      },
    );
    this.builds.guess(unit, guessed);
    objects.set(unit, { unit, object });
    return prepared;
  }

  private namesOf(built: readonly UnitObject[]): NewNames<WantedUnit> {
    const names = new NewNames<WantedUnit>();
    this.names = names;
    if (built.length === 1) return names;
    for (const { unit, object } of built)
      names.add(
        unit,
        unit.module,
        readObject(object.bytes, object.what, this.image.target.machine),
      );
    return names;
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
      const [built] = await this.builds.build([unit], flags);
      if (built === undefined) break;
      const other = prepareOne(built);
      if (!guess.isBetter(other, made[1])) continue;
      made = [built, other];
      chosen = flags;
    }
    this.builds.guess(unit, chosen);
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
    const decoder = await this.decoder();
    return await publishGeneration(image, units, this.names, options, decoder, watch, onProgress);
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
      built = await this.builds.build(
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

/** Units that others ask for names which they have not brought yet, each with all that are asked for. */
function withoutAsked(
  units: readonly PreparedUnit[],
  names: NewNames<WantedUnit>,
): Map<WantedUnit, ReadonlySet<string>> {
  const asked = new Set(
    units.flatMap(({ linked }) =>
      linked.references.flatMap(({ symbol, binding }) => {
        const found = binding.kind === 'live' ? names.at(binding.address) : undefined;
        return found !== undefined && found.symbol.name === symbol.name ? [found] : [];
      }),
    ),
  );
  const open = new Map<WantedUnit, ReadonlySet<string>>();
  for (const { wanted, brought } of units) {
    const wants = [...asked].filter(({ owner }) => owner === wanted);
    const has = brought.map(({ name }) => name);
    const all = new Set([...has, ...wants.map(({ symbol }) => symbol.name)]);
    if (all.size > has.length) open.set(wanted, all);
  }
  return open;
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
