/**
 * Sources of the build that the program was not made from: files that were added since, or that it
 * had no use for. One is taken when edited code needs a name that it defines, as a linker takes a
 * member of a library; nobody has to say that the build has a new file.
 */
import { readFileSync } from 'node:fs';
import { trustOf } from '../build/build-trust.js';
import { sourcesInDatabases } from '../build/database-sources.js';
import { doubtAbout } from '../build/trusted-path.js';
import { isHcrError } from '../core/failure.js';
import { STB } from '../elf/constants.js';
import { readObject } from '../link/read-object-unit.js';
import { addedUnit } from './added-unit.js';
import type { BuiltUnit } from './build-unit.js';
import { buildSettingOf } from './build-setting.js';
import { UnitSearch } from './changed-units.js';
import type { WantedUnit } from './locate.js';
import type { ProcessImage } from './observe.js';
import type { PatchOptions } from './report.js';
import type { UnitObject } from './unit-builds.js';

/** More files than this that mention a name are not all compiled for it. */
const MAX_CANDIDATES = 8;

export class NewSources {
  private readonly image: ProcessImage;
  private readonly options: PatchOptions;
  private readonly tried = new Set<string>();
  private candidatesOnce: readonly string[] | undefined;

  constructor(image: ProcessImage, options: PatchOptions) {
    this.image = image;
    this.options = options;
  }

  /** Sources that may define what binding the units has failed for, to be compiled.
   *  @param error what it failed with */
  missedBy(error: unknown, built: readonly UnitObject[]): WantedUnit[] {
    const { object, build, source } = this.options;
    const isGiven = source !== undefined || (object !== undefined && build === undefined);
    const symbol = isGiven ? undefined : missing(error);
    if (symbol === undefined) return [];
    const asking = built.find((each) => this.asksFor(each, symbol))?.unit;
    const like = asking?.unit ?? asking?.added?.like;
    if (asking === undefined || like === undefined) return [];
    const isIn = new Set(built.flatMap(({ unit }) => unit.added?.source ?? []));
    const mentioning = this.candidates().filter(
      (file) => !isIn.has(file) && !this.tried.has(`${symbol} ${file}`) && mentions(file, symbol),
    );
    const chosen = mentioning.slice(0, MAX_CANDIDATES);
    for (const file of chosen) this.tried.add(`${symbol} ${file}`);
    return chosen.map((file) => addedUnit(asking, file, like));
  }

  /** Those of the sources found that define the name. */
  defining(error: unknown, found: readonly UnitObject[]): readonly UnitObject[] {
    const symbol = missing(error);
    return found.filter(({ object }) =>
      this.symbolsOf(object).some(
        ({ name, isDefined, binding }) => name === symbol && isDefined && binding !== STB.LOCAL,
      ),
    );
  }

  private asksFor({ object }: UnitObject, symbol: string): boolean {
    return this.symbolsOf(object).some(({ name, isDefined }) => name === symbol && !isDefined);
  }

  private symbolsOf({ bytes, what }: BuiltUnit) {
    return [...readObject(bytes, what, this.image.target.machine).symbols];
  }

  /** What the build names comes before what merely lies there. */
  private candidates(): readonly string[] {
    this.candidatesOnce ??= this.findCandidates();
    return this.candidatesOnce;
  }

  private findCandidates(): string[] {
    const search = new UnitSearch(this.image, this.options);
    const { user } = buildSettingOf(this.image);
    const trust = trustOf(user);
    const { compileCommands } = this.options;
    const named = sourcesInDatabases(search.sources, compileCommands, trust);
    const files = new Set([...named, ...search.strangers()]);
    return [...files].filter(
      (file) => !search.known.has(file) && doubtAbout(file, trust.users) === undefined,
    );
  }
}

/** The name that nothing in the process or the patch has, if that is what binding failed with. */
function missing(error: unknown): string | undefined {
  return isHcrError(error) && error.failure.code === 'unresolved-symbol'
    ? error.failure.symbol
    : undefined;
}

/** Whether the name that stands for a symbol in a source occurs in one. */
function mentions(file: string, symbol: string): boolean {
  try {
    const text = readFileSync(file, 'utf8');
    return new RegExp(`\\b${nameInSource(symbol)}\\b`).test(text);
  } catch {
    return false;
  }
}

/** The last part of a mangled name's path, `cube` of `_ZN4math4cubeEi`; else the symbol.
 *  @see Itanium C++ ABI, 5.1 */
export function nameInSource(symbol: string): string {
  const path = /^_ZN?[rVKRO]*/.exec(symbol)?.[0];
  if (path === undefined) return symbol.replace(/\W/g, '\\$&');
  let name: string | undefined;
  for (let at = path.length; ; ) {
    const digits = /^L?(\d+)/.exec(symbol.slice(at));
    if (digits?.[1] === undefined) break;
    const start = at + digits[0].length;
    at = start + Number(digits[1]);
    name = symbol.slice(start, at);
  }
  return name ?? symbol;
}
