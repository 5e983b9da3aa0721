/**
 * Diff and check for one translation unit: which functions of the fresh object go live, and
 * whether they may.
 */
import type { Decoder } from '../arch/decoder.js';
import type { Addr } from '../core/address.js';
import { STB } from '../elf/constants.js';
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';
import { Binder } from '../link/bind.js';
import type { AddedSymbols } from '../link/live-counterparts.js';
import {
  type LiveUnit,
  type LiveVariable,
  isCompilerMade,
  isInitialiser,
  newUnit,
} from '../link/live-unit.js';
import type { NewNames } from '../link/new-names.js';
import { type EditedUnit, readEditedUnit } from '../link/read-object-unit.js';
import { readLiveUnit } from '../link/read-live-unit.js';
import { type FunctionState, compareFunctions } from '../patch/changed-functions.js';
import { CodeComparer } from '../patch/compare-code.js';
import { type Ledger, type SharedType, bodiesAt, newVariables } from '../patch/ledger.js';
import type { BuiltUnit } from './build-unit.js';
import { type RenewedClosures, renewedClosures } from './closures.js';
import type { WantedUnit } from './locate.js';
import type { ProcessImage } from './observe.js';
import { type LinkedCode, linkedCode } from './linked-code.js';
import { SignatureCheck, aliasesOf, assertNotFolded, checkRoots } from './root-checks.js';
import { type PatchRoot, type Selection, selectRoots, labelOf } from './select-roots.js';

/** A variable that gets its edited initial value. */
export interface DataReset {
  readonly section: Section;
  readonly symbol: ElfSymbol;
  readonly address: Addr;
  readonly fingerprint: string;
}

export interface PreparedUnit {
  readonly wanted: WantedUnit;
  readonly edited: EditedUnit;
  readonly live: LiveUnit;
  readonly binder: Binder;
  readonly roots: readonly PatchRoot[];
  /** Functions and variables new to the program that other units of the patch refer to. */
  readonly brought: readonly ElfSymbol[];
  readonly states: readonly FunctionState[];
  readonly linked: LinkedCode;
  /** Types that change, with the functions that hand each other data of them. */
  readonly shared: readonly SharedType[];
  /** Variables that get their edited initial values. */
  readonly resets: readonly DataReset[];
  readonly notes: readonly string[];
  /** Functions that differ from the running code and are left alone. */
  readonly leftAlone: readonly string[];
  /** False when there is new code that only what is made from now on will run. */
  readonly isAllLive: boolean;
}

export interface PrepareOptions {
  /** Go on when signatures or layouts differ. */
  readonly unchecked: boolean;
  /** What the units of the patch bring into the process for each other. */
  readonly names?: NewNames;
  /** Those of them that this unit defines. */
  readonly brought?: ReadonlySet<string>;
}

/**
 * @throws HcrError `function-not-found` when the object lacks a function asked for, `abi-changed`,
 *   `layout-changed`, `build-mismatch`, and whatever binding its names throws
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
  const live =
    wanted.added === undefined
      ? readLiveUnit(wanted.module, wanted.unit, unitName, wanted.inside)
      : newUnit(wanted.module, wanted.added.source);
  const signatures = new SignatureCheck(wanted, edited);
  const renewed = renewedClosures(wanted.unit, edited.debug);
  const isRenewed = (name: string): boolean => renewed.includes(name);
  const added = addedSymbols(ledger, wanted.module.path);
  const binder: Binder = new Binder({
    unit: edited.unit,
    live,
    symbols,
    added,
    names: options.names,
    threadFunctionName: machine.threadLocals.addressFunctionName,
    mustCopy: (fn): boolean =>
      isRenewed(fn.name) || signatures.differences(fn, binder.counterparts.entryOf(fn)).length > 0,
    sameConstant: (section, address): boolean => comparer.compareConstant(section, address),
  });
  const context = {
    unit: edited.unit,
    binder,
    symbols,
    module: wanted.module,
    machine,
    original: image.original,
    decoder,
  };
  const comparer: CodeComparer = new CodeComparer(context);
  const bodies = bodiesAt(ledger, ledger.current);
  const compared = compareFunctions({
    unit: edited.unit,
    binder,
    comparer,
    machine,
    bodies,
  });
  const isAdded = ({ fn, live: entry }: FunctionState): boolean =>
    entry !== undefined && added.function(binder.counterparts.keyOf(fn))?.address === entry.address;
  // What a new source shares with the program (inline functions) is the program's.
  const states =
    wanted.added === undefined
      ? compared
      : compared.filter((state) => state.live === undefined || isAdded(state));
  const roots = selectRoots({ image, wanted, edited, live, states, selection, isAdded, isRenewed });
  for (const root of roots) assertNotFolded(root, edited);
  const leftAlone = leftAloneOf(states, roots);
  const brought = [...edited.unit.object.symbols].filter(
    ({ name, binding }) => binding !== STB.LOCAL && options.brought?.has(name) === true,
  );
  const linked = linkedCode(roots, sectionsOf(brought, edited), edited, binder, machine);
  const checks = checkRoots({
    ...{ image, wanted, edited, binder, roots, brought, linked, signatures },
    agreeing: new Set(
      states.flatMap(({ live: entry, comparison }) =>
        entry !== undefined && comparison.same && bodies.has(entry.address) ? [entry.address] : [],
      ),
    ),
    // Compiled once more with other flags, they are different for that alone.
    leftAlone: selection !== 'changed' && 'again' in selection ? [] : leftAlone,
  });
  const [problem] = checks.problems;
  if (problem !== undefined && !options.unchecked) throw problem;
  const notes = [
    ...built.notes,
    ...neighbourNotes(leftAlone, selection),
    ...aliasNotes(roots, edited),
    ...renewedNotes(renewed, selection),
    ...addedNotes(wanted, labelsOf(brought, edited), states),
    ...checks.problems.map(({ message }) => `Not refused, because of --unchecked: ${message}`),
  ];
  const { shared } = checks;
  const isAllLive = renewed.owners.length === 0;
  return {
    wanted,
    edited,
    live,
    binder,
    roots,
    brought,
    states,
    linked,
    shared,
    resets: [],
    notes,
    leftAlone,
    isAllLive,
  };
}

/** Sections that other units refer to by these names. */
export function sectionsOf(brought: readonly ElfSymbol[], { unit }: EditedUnit): Section[] {
  return brought.flatMap((symbol) => unit.object.sectionOf(symbol) ?? []);
}

/** One entry has one body: whoever calls it by another name gets that too. */
function aliasNotes(roots: readonly PatchRoot[], edited: EditedUnit): string[] {
  return roots.flatMap((root) => {
    const aliases = aliasesOf(root, edited);
    return aliases.length === 0
      ? []
      : [`${root.fn.name} is also called ${aliases.join(', ')}: the new code runs by every name.`];
  });
}

function renewedNotes({ owners }: RenewedClosures, selection: Selection): string[] {
  if (owners.length === 0 || (selection !== 'changed' && 'again' in selection)) return [];
  return [
    `In ${owners.join(', ')} a lambda was added or captures something else: closures made before keep the code that they have, new ones run the new.`,
  ];
}

function addedNotes(
  { added }: WantedUnit,
  brought: readonly string[],
  states: readonly FunctionState[],
): string[] {
  if (added === undefined) return [];
  if (brought.length > 0)
    return [`${added.source} is new to the program: linked in for ${brought.join(', ')}.`];
  return states.some((state) => state.live !== undefined)
    ? []
    : [`${added.source} is not part of the program, and nothing that was compiled needs it.`];
}

/** What is brought, by its names in the source. */
export function labelsOf(brought: readonly ElfSymbol[], edited: EditedUnit): string[] {
  return brought.map(({ name }) => {
    const fn = edited.unit.functions.find((each) => each.name === name);
    return (fn && labelOf(edited, fn)) ?? name;
  });
}

/** What earlier patches brought into the process, for this module. */
function addedSymbols(ledger: Ledger, module: string): AddedSymbols {
  const functions = new Map<string, { address: Addr; sizeBytes: number }>();
  const variables = new Map<string, LiveVariable>();
  const elsewhere = new Map<string, Addr>();
  for (const generation of ledger.generations) {
    for (const body of generation.bodies) {
      if (body.reason !== 'new') continue;
      if (body.module !== module) elsewhere.set(body.name, body.entry);
      else if (!functions.has(body.name))
        functions.set(body.name, { address: body.entry, sizeBytes: body.sizeBytes });
    }
  }
  for (const variable of newVariables(ledger)) {
    const { key, start, sizeBytes } = variable;
    if (variable.module !== module) {
      elsewhere.set(key, start);
      continue;
    }
    variables.set(key, { address: start, sizeBytes, blockOffset: undefined });
  }
  return {
    function: (key) => functions.get(key),
    variable: (key) => variables.get(key),
    elsewhere: (name) => elsewhere.get(name),
  };
}

function leftAloneOf(states: readonly FunctionState[], roots: readonly PatchRoot[]): string[] {
  const patched = new Set(roots.map((root) => root.fn));
  return states
    .filter(
      ({ fn, live, comparison }) => live !== undefined && !comparison.same && !patched.has(fn),
    )
    .filter(
      ({ fn, live }) =>
        !isCompilerMade(fn.name) &&
        !isInitialiser(fn.name) &&
        !roots.some((root) => root.live.address === live?.address),
    )
    .map(({ fn }) => fn.name);
}

function neighbourNotes(leftAlone: readonly string[], selection: Selection): string[] {
  if (leftAlone.length === 0 || selection === 'changed' || 'again' in selection) return [];
  return [
    `Left alone, though compiled differently now (edited too, or optimised around this change): ${leftAlone.join(', ')}. Name them with --func to patch them.`,
  ];
}
