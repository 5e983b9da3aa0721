/**
 * Diff and check for one translation unit: which functions of the fresh object go live, and
 * whether they may.
 */
import type { Decoder } from '../arch/arch.js';
import type { Addr, Vaddr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { parameterHomes } from '../dwarf/parameter-homes.js';
import { compareSignatures, signatureOf } from '../dwarf/signature.js';
import { STT } from '../elf/constants.js';
import { type AddedSymbols, Binder } from '../link/bind.js';
import type { LiveSymbol } from '../link/live-symbols.js';
import { type LiveUnit, isColdPart, isCompilerMade, sourceName } from '../link/live-unit.js';
import type { ObjectFunction } from '../link/object-unit.js';
import { type EditedUnit, readEditedUnit } from '../link/read-object-unit.js';
import { readLiveUnit } from '../link/read-live-unit.js';
import { type FunctionState, compareFunctions } from '../patch/changed-functions.js';
import { CodeComparer } from '../patch/compare-code.js';
import { type Body, type Ledger, bodiesAt, newVariables } from '../patch/ledger.js';
import type { BuiltUnit } from './build-unit.js';
import { type WantedUnit, debugEntryAt } from './locate.js';
import type { ProcessImage } from './observe.js';

export interface PatchRoot {
  readonly fn: ObjectFunction;
  readonly live: LiveSymbol;
  readonly reason: Body['reason'];
  /** `file:line` of the definition. */
  readonly source: string | undefined;
}

export interface PreparedUnit {
  readonly wanted: WantedUnit;
  readonly edited: EditedUnit;
  readonly live: LiveUnit;
  readonly binder: Binder;
  readonly roots: readonly PatchRoot[];
  readonly states: readonly FunctionState[];
  readonly notes: readonly string[];
  /** Functions that differ from the running code and are left alone. */
  readonly leftAlone: readonly string[];
}

/** Which functions of the unit are wanted: some by name as far as they differ, all that differ, or
 *  those that were selected before the unit was compiled once more with other flags. */
export type Selection =
  | { readonly names: readonly string[] }
  | 'changed'
  | { readonly again: readonly PatchRoot[] };

export interface PrepareOptions {
  /** Skip the signature check. */
  readonly unchecked: boolean;
}

/**
 * @throws HcrError `function-not-found` when the object lacks a function asked for, `abi-changed`,
 *   `build-mismatch`, and whatever binding its names throws
 */
export function prepareUnit(
  image: ProcessImage,
  wanted: WantedUnit,
  built: BuiltUnit,
  selection: Selection,
  options: PrepareOptions,
  decoder: Decoder | undefined,
): PreparedUnit {
  const { target, store, symbols } = image;
  const { ledger } = store;
  const { machine } = target;
  const edited = readEditedUnit(built.bytes, built.what, machine);
  const unitName = wanted.sourceName ?? edited.sourceName ?? '';
  const live = readLiveUnit(wanted.module, wanted.unit, unitName, wanted.inside);
  const signatures = new SignatureCheck(wanted, edited);
  let comparer: CodeComparer | undefined;
  const added = addedSymbols(ledger, wanted.module.path);
  const binder: Binder = new Binder({
    unit: edited.unit,
    live,
    symbols,
    added,
    mustCopy: (fn): boolean => signatures.differences(fn, binder.liveEntry(fn)).length > 0,
    sameConstant: (section, address) => comparer?.compareConstant(section, address) ?? false,
  });
  const context = { unit: edited.unit, binder, symbols, module: wanted.module, machine, original: image.original, decoder };
  comparer = new CodeComparer(context);
  const bodies = bodiesAt(ledger, ledger.current);
  const states = compareFunctions({ unit: edited.unit, binder, comparer, machine, bodies, compilerMade: live.functions });
  const isAdded = ({ fn, live: entry }: FunctionState): boolean =>
    entry !== undefined && added.function(binder.functionKey(fn))?.address === entry.address;
  const roots = selectRoots({ image, wanted, edited, live, states, selection, isAdded });
  for (const root of roots) assertNotFolded(root, edited);
  if (!options.unchecked) {
    for (const { fn, live: entry } of roots) signatures.assertSame(fn, entry);
  }
  const leftAlone = leftAloneOf(states, roots);
  const notes = [...built.notes, ...neighbourNotes(leftAlone, selection)];
  return { wanted, edited, live, binder, roots, states, notes, leftAlone };
}

/** The compiler or the linker may have merged functions with the same code. They have one entry, so
 *  a redirect would change them all.
 *  @throws HcrError `function-not-patchable` */
function assertNotFolded({ fn, live }: PatchRoot, edited: EditedUnit): void {
  const { file, bias } = live.module;
  const others = file
    .symbols()
    .findAddress((live.address - bias) as Vaddr)
    .filter((symbol) => symbol.type === STT.FUNC && symbol.value + bias === live.address && symbol.name !== fn.name);
  const apart = others.filter(({ name }) =>
    edited.unit.functions.some((other) => other.name === name && (other.section !== fn.section || other.offset !== fn.offset)),
  );
  if (apart.length === 0) return;
  throw new HcrError({
    code: 'function-not-patchable',
    function: fn.name,
    reason: `it shares its code with ${apart.map(({ name }) => name).join(', ')} in the program (identical code was folded)`,
    advice: 'Build the program with -fno-ipa-icf and without --icf, or patch the functions that call it.',
  });
}

/** What earlier patches brought into the process, for this module. */
function addedSymbols(ledger: Ledger, module: string): AddedSymbols {
  const functions = new Map<string, { address: Addr; sizeBytes: number }>();
  const variables = new Map<string, Addr>();
  for (const generation of ledger.generations) {
    for (const body of generation.bodies) {
      if (body.reason !== 'new' || body.module !== module || functions.has(body.name)) continue;
      functions.set(body.name, { address: body.entry, sizeBytes: body.sizeBytes });
    }
  }
  for (const variable of newVariables(ledger)) {
    if (variable.module === module) variables.set(variable.key, variable.start);
  }
  return { function: (key) => functions.get(key), variable: (key) => variables.get(key) };
}

/** Compares declarations, by debug information on both sides; without it there is nothing to say. */
class SignatureCheck {
  private readonly wanted: WantedUnit;
  private readonly edited: EditedUnit;

  constructor(wanted: WantedUnit, edited: EditedUnit) {
    this.wanted = wanted;
    this.edited = edited;
  }

  differences(fn: ObjectFunction, live: LiveSymbol | undefined) {
    if (live === undefined) return [];
    const before = debugEntryAt(this.wanted.unit, this.wanted.module, live.address);
    const after = this.edited.debugEntryOf(fn);
    if (before === undefined || after === undefined) return [];
    return compareSignatures(signatureOf(before), signatureOf(after));
  }

  assertSame(fn: ObjectFunction, live: LiveSymbol): void {
    const differences = this.differences(fn, live);
    if (differences.length > 0) throw new HcrError({ code: 'abi-changed', function: fn.name, differences });
  }
}

interface RootInput {
  readonly image: ProcessImage;
  readonly wanted: WantedUnit;
  readonly edited: EditedUnit;
  readonly live: LiveUnit;
  readonly states: readonly FunctionState[];
  readonly selection: Selection;
  /** True for a function that an earlier patch brought into the process. */
  isAdded(state: FunctionState): boolean;
}

/** The functions to patch: those asked for that differ, their clones, those they were inlined
 *  into, and those that an earlier patch added and that have changed since. */
function selectRoots(input: RootInput): PatchRoot[] {
  const { states, selection, edited } = input;
  const roots: PatchRoot[] = [];
  const add = ({ fn, live }: FunctionState, reason: PatchRoot['reason']): void => {
    if (live === undefined || roots.some((root) => root.fn === fn)) return;
    roots.push({ fn, live, reason, source: sourceOf(edited, fn) });
  };
  const differing = states.filter((state) => state.live !== undefined && !state.comparison.same);
  if (selection !== 'changed' && 'again' in selection) {
    for (const state of states) {
      const before = selection.again.find(({ fn }) => fn.name === state.fn.name);
      if (before !== undefined) add(state, before.reason);
    }
    return roots;
  }
  const names = selection === 'changed' ? differing.map(({ fn }) => sourceName(fn.name)) : selection.names;
  const hosts = hostFunctions(input, names);
  if (selection !== 'changed') {
    for (const name of names) assertDefined(input, name);
  }
  for (const state of differing) {
    const { name } = state.fn;
    if (isCompilerMade(name)) {
      if (names.includes(sourceName(name)) && isCalledAlike(input, state)) add(state, 'clone');
    } else if (names.includes(name)) {
      add(state, selection === 'changed' ? 'changed' : 'requested');
    } else if (hosts.has(name)) {
      add(state, 'inlined');
    }
  }
  if (roots.length > 0) for (const state of differing) if (input.isAdded(state)) add(state, 'changed');
  return roots;
}

/** A clone has the calling convention that its callers were compiled for: parameters that the
 *  compiler removed, split or made constant. The live callers can only call a new clone that is
 *  called the same way. */
function isCalledAlike({ wanted, edited }: RootInput, { fn, live }: FunctionState): boolean {
  const before = live && debugEntryAt(wanted.unit, wanted.module, live.address);
  const after = edited.debugEntryOf(fn);
  const [homesBefore, homesAfter] = [before && parameterHomes(before), after && parameterHomes(after)];
  if (homesBefore === undefined || homesAfter === undefined) return false;
  return homesBefore.length === homesAfter.length && homesBefore.every((home, i) => home === homesAfter[i]);
}

function assertDefined({ edited, states }: RootInput, name: string): void {
  if (edited.unit.functions.some((fn) => sourceName(fn.name) === name)) return;
  // Inlined wherever it is called: no code of its own, but a definition.
  if (edited.debug?.functions().some((fn) => fn.name === name && fn.isInlined) === true) return;
  throw new HcrError({
    code: 'function-not-found',
    function: name,
    near: states.map(({ fn }) => fn.name).filter((other) => other.includes(name) || name.includes(other)).slice(0, 3),
    where: 'the edited source (was it renamed or removed?)',
  });
}

/** The functions whose code depends on how some functions were compiled: they hold an inlined copy,
 *  in the live program or in the new code, or they call a live clone, or are a jump to them. */
function hostFunctions(input: RootInput, names: readonly string[]): Set<string> {
  const { wanted, edited, live, image } = input;
  const hosts = new Set<string>();
  for (const unit of [wanted.unit, edited.debug]) {
    for (const { callee, caller } of unit?.inlinedCopies() ?? []) {
      if (names.includes(callee.name)) hosts.add(caller.name);
    }
  }
  const clones = [...live.functions.values()].filter(
    ({ name }) => isCompilerMade(name) && !isColdPart(name) && names.includes(sourceName(name)),
  );
  const entries = input.states.filter(({ fn, live: entry }) => entry !== undefined && names.includes(fn.name));
  const { original } = image;
  for (const state of input.states) {
    if (state.live === undefined || names.includes(sourceName(state.fn.name))) continue;
    const { address, sizeBytes } = state.live;
    const code = original.tryRead(address, sizeBytes);
    if (code === undefined) continue;
    const { patterns } = image.target.machine;
    if (clones.some((clone) => patterns.branchesTo(code, clone.address - address))) hosts.add(state.fn.name);
    // A function with the same code as another may have been made a mere jump to it.
    const { jumps } = image.target.machine;
    const isForwarder = sizeBytes <= jumps.landingPadBytes(code) + jumps.nearBytes;
    if (isForwarder && entries.some((entry) => patterns.branchesTo(code, (entry.live?.address ?? 0) - address))) {
      hosts.add(state.fn.name);
    }
  }
  return hosts;
}

function sourceOf(edited: EditedUnit, fn: ObjectFunction): string | undefined {
  const entry = edited.debugEntryOf(fn);
  if (entry?.declFile === undefined) return undefined;
  return entry.declLine === undefined ? entry.declFile : `${entry.declFile}:${entry.declLine}`;
}

function leftAloneOf(states: readonly FunctionState[], roots: readonly PatchRoot[]): string[] {
  const patched = new Set(roots.map((root) => root.fn));
  return states
    .filter(({ fn, live, comparison }) => live !== undefined && !comparison.same && !patched.has(fn))
    .filter(({ fn }) => !isCompilerMade(fn.name))
    .map(({ fn }) => fn.name);
}

function neighbourNotes(leftAlone: readonly string[], selection: Selection): string[] {
  if (leftAlone.length === 0 || selection === 'changed' || 'again' in selection) return [];
  return [
    `Left alone, though compiled differently now (edited too, or optimised around this change): ${leftAlone.join(', ')}. Name them with --func to patch them.`,
  ];
}
