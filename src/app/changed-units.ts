/**
 * Which translation units have to be compiled: those with a file that was written after the
 * program, or those that the user's files belong to.
 */
import { readdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { dependenciesOf } from '../build/dependencies.js';
import { isFile } from '../build/file-kind.js';
import { inParallel } from '../build/in-parallel.js';
import { IncludeTexts } from '../build/include-texts.js';
import { HcrError, isHcrError } from '../core/failure.js';
import { nearNames } from '../elf/near-names.js';
import { selectModules } from '../link/find-function.js';
import { bodiesAt, lineage } from '../patch/ledger.js';
import { fileAddressWithin } from '../elf/loaded-module.js';
import { findCommand } from './build-unit.js';
import { addedUnit, nearest } from './added-unit.js';
import { KnownUnits } from './known-units.js';
import { type BuildSetting, buildSettingOf } from './build-setting.js';
import type { ProcessImage } from './observe.js';
import { isOwnModule } from './own-modules.js';
import type { PatchOptions } from './report.js';
import { FileClock, type UnitFiles, unitsWithFiles } from './unit-files.js';

export interface ChangedUnits {
  readonly units: readonly UnitFiles[];
  /** The files because of which they are compiled. */
  readonly files: readonly string[];
  readonly notes: readonly string[];
}

const HEADER = /\.(h|hh|hpp|hxx|h\+\+|inc|inl|ipp|tcc|def|tpp)$/i;
const SOURCE = /\.(c|cc|cp|cpp|cxx|c\+\+)$/i;
const MAX_NAMES = 5;

/**
 * @param files named by the user, relative to the current folder; none means all that changed
 * @throws HcrError `source-not-found`, `file-not-in-program`, `module-not-found`
 */
export async function changedUnits(
  image: ProcessImage,
  files: readonly string[],
  options: PatchOptions,
  remembered?: KnownUnits,
): Promise<ChangedUnits> {
  const search = new UnitSearch(image, options, remembered);
  return files.length > 0 ? await search.named(files) : await search.newer();
}

export class UnitSearch {
  /** Every file that the program is known to be made of. */
  readonly known: ReadonlySet<string>;
  private readonly image: ProcessImage;
  private readonly remembered: KnownUnits;
  private readonly options: PatchOptions;
  private readonly clock = new FileClock();
  private readonly units: readonly UnitFiles[];
  private readonly notes: string[] = [];
  private folderFilesOnce: readonly string[] | undefined;

  /** @param remembered what earlier searches have found */
  constructor(image: ProcessImage, options: PatchOptions, remembered = new KnownUnits()) {
    this.image = image;
    this.remembered = remembered;
    this.options = options;
    // Nobody edits the C library, though debug information about it may be installed.
    const built = remembered.unitsOf(image.modules, () => {
      const modules =
        options.module === undefined
          ? image.modules.filter(isOwnModule)
          : selectModules(image.modules, options.module);
      return unitsWithFiles(image, modules, this.clock);
    });
    this.units = [...built, ...this.addedUnits(built)];
    this.known = new Set(this.units.flatMap((unit) => unit.files));
  }

  /** Of its translation units. */
  get sources(): ReadonlySet<string> {
    return new Set(this.units.map(({ source }) => source));
  }

  /** Sources in its folders that it is not made of. */
  strangers(): string[] {
    return this.folderFiles().filter((file) => this.isStranger(file));
  }

  /** @param file its real path */
  isStranger(file: string): boolean {
    return SOURCE.test(file) && !this.known.has(file);
  }

  /** Units that live patches have added, by what the ledger says of their functions. */
  private addedUnits(built: readonly UnitFiles[]): UnitFiles[] {
    const { ledger } = this.image.store;
    const brought = lineage(ledger, ledger.current)
      .flatMap(({ bodies }) => bodies)
      .filter(({ reason, source = '' }) => reason === 'new' && isAbsolute(source));
    if (brought.length === 0) return [];
    const known = new Set(built.flatMap(({ files }) => files));
    const added = new Map<string, UnitFiles>();
    for (const { source = '', module: path } of brought) {
      const file = this.clock.realPath(source.replace(/:\d+$/, ''));
      if (added.has(file) || known.has(file) || !SOURCE.test(file) || !isFile(file)) continue;
      const unit = this.stranger(
        file,
        built.filter(({ module }) => module.path === path),
      );
      if (unit !== undefined) added.set(file, unit);
    }
    return [...added.values()];
  }

  /** A source that the program was not built from, as a unit of the module that its neighbours are
   *  in. */
  private stranger(source: string, units: readonly UnitFiles[]): UnitFiles | undefined {
    const like = nearest(source, units);
    if (like?.unit === undefined) return undefined;
    return { ...addedUnit(like, source, like.unit), source, files: [source] };
  }

  /** Units of which a file is newer than the program, and those that are patched: their source may
   *  have been put back. */
  async newer(): Promise<ChangedUnits> {
    const patched = this.patchedUnits();
    const isNewer = (unit: UnitFiles, file: string): boolean =>
      this.clock.writtenAt(file) > unit.module.writtenAtMs;
    const written = new Set(
      this.units.flatMap((unit) => unit.files.filter((file) => isNewer(unit, file))),
    );
    const oldest = Math.min(...this.units.map(({ module }) => module.writtenAtMs));
    for (const file of this.folderFiles()) {
      if (this.clock.writtenAt(file) <= oldest) continue;
      if (HEADER.test(file)) written.add(file);
    }
    const direct = this.units.filter(
      (unit) => patched.has(unit.unit) || unit.files.some((file) => isNewer(unit, file)),
    );
    const headers = [...written].filter((file) => HEADER.test(file));
    const including = await this.unitsIncluding(headers, direct);
    this.noteNewSources(oldest);
    return {
      units: [...direct, ...including.filter((unit) => headers.some((h) => isNewer(unit, h)))],
      files: [...written],
      notes: this.notes,
    };
  }

  async named(files: readonly string[]): Promise<ChangedUnits> {
    const wanted = files.map((file) => {
      const path = resolve(file);
      if (isFile(path)) return this.clock.realPath(path);
      throw new HcrError({ code: 'source-not-found', source: file, tried: [path] });
    });
    const direct = this.units.filter((unit) => unit.files.some((file) => wanted.includes(file)));
    const { sources } = this;
    const headers = wanted.filter((file) => !sources.has(file));
    const including = await this.unitsIncluding(headers, direct);
    const strangers: UnitFiles[] = [];
    for (const [i, file] of wanted.entries()) {
      const isKnown = direct.some((unit) => unit.files.includes(file));
      if (isKnown || including.some((unit) => unit.found.includes(file))) continue;
      // By itself nothing would call it.
      const added =
        SOURCE.test(file) && direct.length > 0 ? this.stranger(file, this.units) : undefined;
      if (added === undefined) throw this.foreign(files[i] ?? file, file);
      strangers.push(added);
    }
    return { units: [...direct, ...including, ...strangers], files: wanted, notes: this.notes };
  }

  /** Units made of some files; those that no unit is made of are left out.
   *  @param files real paths */
  async madeOf(files: readonly string[]): Promise<ChangedUnits> {
    const direct = this.units.filter((unit) => unit.files.some((file) => files.includes(file)));
    const { sources } = this;
    const headers = files.filter((file) => !sources.has(file) && !SOURCE.test(file));
    const including = await this.unitsIncluding(headers, direct);
    const units = [...direct, ...including];
    const used = new Set(units.flatMap((unit) => ('found' in unit ? unit.found : unit.files)));
    return { units, files: files.filter((file) => used.has(file)), notes: this.notes };
  }

  /** The unit whose source was written last: the one that somebody is at work on. */
  lastWritten(): UnitFiles | undefined {
    const writtenAt = ({ source }: UnitFiles): number => this.clock.writtenAt(source);
    return this.units.reduce<UnitFiles | undefined>(
      (last, unit) => (last !== undefined && writtenAt(last) >= writtenAt(unit) ? last : unit),
      undefined,
    );
  }

  /** @param sources real paths of translation units' own sources */
  withSources(sources: readonly string[]): ChangedUnits {
    const units = this.units.filter(({ source }) => sources.includes(source));
    return { units, files: sources, notes: this.notes };
  }

  private foreign(asNamed: string, file: string): HcrError {
    const byName = new Map([...this.known].map((path) => [basename(path), path]));
    const name = basename(file);
    const same = byName.get(name);
    const near = [
      ...(same === undefined ? [] : [same]),
      ...nearNames(byName.keys(), name, 3).flatMap((found) => byName.get(found) ?? []),
    ].map((path) => shortest(path));
    return new HcrError({ code: 'file-not-in-program', file: asNamed, near });
  }

  private patchedUnits(): ReadonlySet<unknown> {
    const { image } = this;
    const { ledger } = image.store;
    const modules = new Map(image.modules.map((module) => [module.path, module]));
    return new Set(
      [...bodiesAt(ledger, ledger.current).values()].flatMap(({ module: path, entry }) => {
        const module = modules.get(path);
        const at = module && fileAddressWithin(module, entry);
        const unit =
          module === undefined || at === undefined
            ? undefined
            : image.debugInfo(module)?.unitAt(at);
        return unit === undefined ? [] : [unit];
      }),
    );
  }

  /** Units beside those given that include one of the headers, by the compiler's own account. */
  private async unitsIncluding(
    headers: readonly string[],
    besides: readonly UnitFiles[],
  ): Promise<(UnitFiles & { readonly found: readonly string[] })[]> {
    if (headers.length === 0) return [];
    const others = this.units.filter((unit) => !besides.includes(unit));
    const isOpen = others.some(({ source }) => this.remembered.includedBy(source) === undefined);
    const texts = new IncludeTexts(isOpen ? [...this.known, ...this.folderFiles()] : []);
    const names = new Set(headers.map((header) => basename(header)));
    const left = others.filter(
      ({ source, files }) =>
        this.remembered.includedBy(source) !== undefined || texts.mayReach(files, names),
    );
    const setting = buildSettingOf(this.image);
    const found = await inParallel(left, async (unit) => {
      const known = this.remembered.includedBy(unit.source);
      const dependencies = known ?? new Set(await this.dependencies(unit, setting));
      if (dependencies.size > 0) this.remembered.learn(unit.source, dependencies);
      const hits = headers.filter((header) => dependencies.has(header));
      return hits.length === 0 ? [] : [{ ...unit, found: hits }];
    });
    return found.flat();
  }

  private async dependencies(unit: UnitFiles, setting: BuildSetting): Promise<string[]> {
    try {
      const { source: _, ...options } = this.options;
      const found = await dependenciesOf(await findCommand(unit, options, setting));
      if (found !== undefined) return found.map((path) => this.clock.realPath(path));
    } catch (error) {
      // A source that is not on this machine was not edited here.
      if (isHcrError(error, 'source-not-found')) return [];
      if (!isHcrError(error)) throw error;
    }
    this.notes.push(
      `Could not ask the compiler which headers ${unit.source} includes; name it to compile it.`,
    );
    return [];
  }

  /** Files in the folders of the program's sources and headers. */
  private folderFiles(): readonly string[] {
    this.folderFilesOnce ??= [...new Set([...this.known].map((file) => dirname(file)))].flatMap(
      (folder) =>
        namesIn(folder)
          .filter((name) => HEADER.test(name) || SOURCE.test(name))
          .map((name) => this.clock.realPath(join(folder, name))),
    );
    return this.folderFilesOnce;
  }

  /** What is new has no counterpart in the program. */
  private noteNewSources(sinceMs: number): void {
    const added = this.strangers().filter((file) => this.clock.writtenAt(file) > sinceMs);
    if (added.length === 0) return;
    const shown = added.slice(0, MAX_NAMES).map((file) => shortest(file));
    const more = added.length > MAX_NAMES ? ` and ${added.length - MAX_NAMES} more` : '';
    this.notes.push(
      `${shown.join(', ')}${more}: newer than the program and not part of it; linked in when edited code calls what it defines.`,
    );
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** As a user in the current folder would write it. */
export function shortest(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('../..') || short.length > path.length ? path : short;
}
