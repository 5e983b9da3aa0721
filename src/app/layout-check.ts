/**
 * Whether new code and old code agree about the data they share: refused is a type that both use
 * and that is laid out otherwise now. One that only the functions being patched use may change.
 *
 * Who uses a type is told by debug information. Where that leaves open who else has data of the
 * type, on the heap or behind a `void *`, somebody is taken to have some.
 */
import { basename, resolve } from 'node:path';
import { statOf } from '../build/file-kind.js';
import type { Addr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Difference } from '../core/failure-codes.js';
import { compareLayouts } from '../dwarf/compare-layouts.js';
import { DW_AT } from '../dwarf/constants.js';
import type { Die } from '../dwarf/die.js';
import type { FunctionEntry } from '../dwarf/functions.js';
import { type NamedType, NamedTypes, simpleName } from '../dwarf/named-types.js';
import { scopeAround } from '../dwarf/scope.js';
import { LayoutReader } from '../dwarf/type-layout.js';
import { typeText } from '../dwarf/type-text.js';
import { TypeUses } from '../dwarf/type-uses.js';
import type { Unit } from '../dwarf/unit.js';
import type { VariableEntry } from '../dwarf/variables.js';
import { liveAddress } from '../elf/loaded-module.js';
import { datumKindAt } from '../link/object-unit.js';
import type { EditedUnit } from '../link/read-object-unit.js';
import type { SharedType } from '../patch/ledger.js';
import { type ChangedType, compareTypes, declaringFile } from '../dwarf/changed-types.js';
import type { LinkedCode } from './linked-code.js';
import type { WantedUnit } from './locate.js';
import type { ProcessImage } from './observe.js';
import type { PatchRoot } from './select-roots.js';

export interface LayoutInput {
  readonly image: ProcessImage;
  readonly wanted: WantedUnit;
  readonly edited: EditedUnit;
  readonly roots: readonly PatchRoot[];
  /** What other units refer to, and is new. */
  readonly brought: readonly unknown[];
  readonly linked: LinkedCode;
  /** Entries that earlier patches led to the very code that is compiled now: it agrees with the
   *  new code about all types, whatever the debug information says of the original. */
  readonly agreeing: ReadonlySet<Addr>;
  /** Functions that are compiled differently now, for whatever reason, and not patched. */
  readonly leftAlone: readonly string[];
}

export interface LayoutFindings {
  /** `layout-changed`, one for each type. */
  readonly problems: readonly HcrError[];
  /** Types that may change, because only functions of this patch work on them. */
  readonly shared: readonly SharedType[];
}

/** @throws HcrError `malformed-file` */
export function checkLayouts(input: LayoutInput): LayoutFindings {
  // A new source has its types from headers that its neighbours include as well.
  const live = input.wanted.unit ?? input.wanted.added?.like;
  const edited = input.edited.debug;
  const bringsNothing = input.roots.length === 0 && input.brought.length === 0;
  if (live === undefined || edited === undefined || bringsNothing)
    return { problems: [], shared: [] };
  const { changed, unknown } = compareTypes(live.dies, edited.dies);
  const foreign = unknown.filter((type) => mayDifferElsewhere(type, edited, input.wanted));
  if (changed.length === 0 && foreign.length === 0) return { problems: [], shared: [] };
  return new LayoutCheck(input, live, edited).run(changed, foreign);
}

/** More than a message should list. */
const MAX_NAMES = 6;

class LayoutCheck {
  private readonly input: LayoutInput;
  private readonly live: Unit;
  private readonly editedUses: TypeUses;
  private readonly patched: ReadonlyMap<number, PatchRoot>;
  private liveUsesOnce: TypeUses | undefined;

  constructor(input: LayoutInput, live: Unit, edited: Unit) {
    this.input = input;
    this.live = live;
    this.editedUses = new TypeUses(edited);
    this.patched = new Map(input.roots.map((root) => [root.live.address, root]));
  }

  run(changed: readonly ChangedType[], foreign: readonly NamedType[]): LayoutFindings {
    const problems: HcrError[] = [];
    const shared: SharedType[] = [];
    const used = changed.filter(({ edited }) => this.isUsedByNewCode(edited));
    for (const type of this.innermostFirst(used)) {
      const users = this.oldUsersOf(type);
      if (users.length > 0)
        problems.push(layoutChanged(type.edited, type.name, type.differences, users));
      else shared.push(...this.sharingOf(type));
    }
    for (const type of foreign.filter(({ die }) => this.isUsedByNewCode(die))) {
      const problem = this.compareElsewhere(type);
      if (problem !== undefined) problems.push(problem);
    }
    return { problems, shared };
  }

  /** Of a type that nothing declared is of, some code makes use by converting to it. */
  private isUsedByNewCode(die: Die): boolean {
    const { linked } = this.input;
    const { functions, variables } = this.editedUses.usersOf(new Set([die.offset]), 'mentioned');
    if (functions.length === 0 && variables.length === 0) return true;
    return (
      functions.some((entry) => linked.functions.has(entry)) ||
      variables.some((entry) => linked.variables.has(entry))
    );
  }

  /** A type changes with those that it holds: where the edit was made comes first. */
  private innermostFirst(types: readonly ChangedType[]): ChangedType[] {
    const depth = (type: ChangedType): number =>
      types.filter(
        (other) =>
          other !== type &&
          this.editedUses.holds(type.edited.offset, new Set([other.edited.offset])),
      ).length;
    return types
      .map((type) => ({ type, depth: depth(type) }))
      .sort((a, b) => a.depth - b.depth)
      .map(({ type }) => type);
  }

  /** What of the running program, other than the functions being patched, has data of a type. */
  private oldUsersOf(type: ChangedType): string[] {
    const dies = offsetsOf(type.live);
    const { functions, variables } = this.liveUses.usersOf(dies, 'mentioned');
    const holders = this.liveUses.usersOf(dies, 'held');
    const others = functions.filter(
      (entry) => this.rootOf(entry) === undefined && !this.agrees(entry),
    );
    const kept = variables.filter(
      (variable) => !(holders.variables.includes(variable) && this.isConstant(variable)),
    );
    const named = [
      ...others.map(({ qualifiedName }) => qualifiedName),
      ...kept.map(({ qualifiedName }) => `the variable ${qualifiedName}`),
      ...this.unitsSharing(type),
    ];
    if (named.length > 0) return named;
    if (functions.length === 0) return [`code of ${basename(this.live.name)} that converts to it`];
    // Not in a frame, so where a pointer leads to: memory that may be there now.
    if (holders.functions.length === 0) return ['memory that the program has allocated'];
    const { leftAlone } = this.input;
    if (leftAlone.length === 0 || isLocalToFunction(type)) return [];
    return [`perhaps ${listNames(leftAlone)}, compiled differently now`];
  }

  /** Functions that hand data of a type to each other: an old frame must not call new code with
   *  it, so all of them have to be idle when they are replaced. */
  private sharingOf(type: ChangedType): SharedType[] {
    const dies = offsetsOf(type.live);
    const { functions } = this.liveUses.usersOf(dies, 'mentioned');
    const isShared =
      functions.length > 1 || functions.some((entry) => this.liveUses.isPassed(dies, entry));
    if (!isShared) return [];
    const { module } = this.input.wanted;
    const entries = functions.flatMap(({ entry }) =>
      entry === undefined ? [] : [liveAddress(module, entry)],
    );
    return [{ name: displayName(type.edited, type.name), entries }];
  }

  private agrees({ entry }: FunctionEntry): boolean {
    const { agreeing, wanted } = this.input;
    return entry !== undefined && agreeing.has(liveAddress(wanted.module, entry));
  }

  private rootOf(entry: FunctionEntry): PatchRoot | undefined {
    const { module } = this.input.wanted;
    return entry.entry === undefined
      ? undefined
      : this.patched.get(liveAddress(module, entry.entry));
  }

  /** A constant is not kept: new code has its own. */
  private isConstant({ location }: VariableEntry): boolean {
    return (
      location?.kind === 'static' &&
      datumKindAt(this.input.wanted.module.file, location.vaddr) === 'constant'
    );
  }

  /** Other units of the program that know the type from the same header. */
  private unitsSharing(type: ChangedType): string[] {
    const [die] = type.live;
    const file = die && declaringFile(die);
    if (file === undefined || isLocalToFunction(type) || isSourceOf(this.live, file)) return [];
    return this.elsewhere(type.name)
      .filter((found) => declaringFile(found) === file)
      .map(unitName);
  }

  /** A type that the live unit did not know, with what another unit knows of it. */
  private compareElsewhere({ name, die }: NamedType): HcrError | undefined {
    const file = basename(declaringFile(die) ?? '');
    const edited = new LayoutReader().layoutOf(die);
    for (const live of this.elsewhere(name)) {
      if (basename(declaringFile(live) ?? '') !== file) continue;
      const differences = compareLayouts(new LayoutReader().layoutOf(live), edited);
      if (differences.length > 0) return layoutChanged(die, name, differences, [unitName(live)]);
    }
    return undefined;
  }

  private elsewhere(name: string): Die[] {
    const { image } = this.input;
    return image.modules
      .flatMap((module) => image.debugInfo(module)?.unitsNaming([simpleName(name)]) ?? [])
      .filter((unit) => unit !== this.live.dies)
      .flatMap((unit) => new NamedTypes(unit).find(name));
  }

  private get liveUses(): TypeUses {
    this.liveUsesOnce ??= new TypeUses(this.live);
    return this.liveUsesOnce;
  }
}

function layoutChanged(
  die: Die,
  name: string,
  differences: readonly Difference[],
  users: readonly string[],
): HcrError {
  const who = { what: 'used by', live: listNames(users), edited: 'not part of this patch' };
  const type = displayName(die, name);
  return new HcrError({ code: 'layout-changed', type, differences: [...differences, who] });
}

/** As the source has it, `struct s` in C. */
function displayName(die: Die, name: string): string {
  return die.has(DW_AT.name) ? typeText(die) : name;
}

function listNames(names: readonly string[]): string {
  const distinct = [...new Set(names)];
  const more = distinct.length - MAX_NAMES;
  return distinct.slice(0, MAX_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function offsetsOf(dies: readonly Die[]): ReadonlySet<number> {
  return new Set(dies.map(({ offset }) => offset));
}

function isLocalToFunction({ live }: ChangedType): boolean {
  return live.every((die) => {
    for (let scope = scopeAround(die); scope !== undefined; scope = scope.parent)
      if (scope.kind === 'function') return true;
    return false;
  });
}

function isSourceOf(unit: Unit, file: string): boolean {
  const directory = unit.compDir ?? '/';
  return resolve(directory, unit.name) === resolve(directory, file);
}

function unitName(die: Die): string {
  let root = die;
  for (let parent = root.parent; parent !== undefined; parent = root.parent) root = parent;
  return basename(root.text(DW_AT.name) ?? 'other units');
}

/** Headers of the system are the same for all units. So are those that were last written before
 *  the program was. */
function mayDifferElsewhere({ die }: NamedType, edited: Unit, { module }: WantedUnit): boolean {
  const file = declaringFile(die);
  if (file === undefined || file.startsWith('/usr/') || isSourceOf(edited, file)) return false;
  const writtenAtMs = statOf(resolve(edited.compDir ?? '/', file))?.mtimeMs;
  return writtenAtMs === undefined || writtenAtMs > module.writtenAtMs;
}
