/** Which functions of a freshly compiled unit go live. */
import type { Addr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { accountsForAll, parameterHomes } from '../dwarf/parameter-homes.js';
import { identityOf, sourceLabel } from '../dwarf/source-name.js';
import {
  type LiveUnit,
  isColdPart,
  isCompilerMade,
  isInitialiser,
  sourceName,
  variantless,
} from '../link/live-unit.js';
import type { LiveSymbol } from '../link/live-symbols.js';
import type { ObjectFunction } from '../link/object-unit.js';
import type { EditedUnit } from '../link/read-object-unit.js';
import type { FunctionState } from '../patch/changed-functions.js';
import type { DiffRow } from '../core/line-diff.js';
import type { Body } from '../patch/ledger.js';
import { isLocalTo } from './closures.js';
import { type WantedUnit, debugEntryAt } from './locate.js';
import type { ProcessImage } from './observe.js';

export interface PatchRoot {
  readonly fn: ObjectFunction;
  readonly live: LiveSymbol;
  readonly reason: Body['reason'];
  /** `file:line` of the definition. */
  readonly source: string | undefined;
  /** Why it differs, for people: `body`, `inlined helper square`. */
  readonly why?: string;
  /** Its code before and after, when that was asked for. */
  readonly diff?: readonly DiffRow[];
  /** Its name in the source, where its symbol has another. */
  readonly label: string | undefined;
}

/** Which functions of the unit are wanted: some by name as far as they differ, all that differ, or
 *  those that were selected before the unit was compiled once more with other flags. */
export type Selection =
  | { readonly names: readonly string[] }
  | 'changed'
  | { readonly again: readonly PatchRoot[] };

export interface RootInput {
  readonly image: ProcessImage;
  readonly wanted: WantedUnit;
  readonly edited: EditedUnit;
  readonly live: LiveUnit;
  readonly states: readonly FunctionState[];
  readonly selection: Selection;
  /** True for a function that an earlier patch brought into the process. */
  isAdded(state: FunctionState): boolean;
  /** True for a function of a lambda that is not the live one of its name. */
  isRenewed(name: string): boolean;
}

/** The functions to patch: those asked for that differ, their clones, those they were inlined
 *  into, and those that an earlier patch added and that have changed since. */
export function selectRoots(input: RootInput): PatchRoot[] {
  const { states, selection, edited } = input;
  const roots: PatchRoot[] = [];
  const add = (
    { fn, live }: FunctionState,
    reason: PatchRoot['reason'],
    more: Pick<PatchRoot, 'why' | 'diff'> = {},
  ): void => {
    // Names of one entry are one function.
    if (live === undefined || roots.some((root) => root.live.address === live.address)) return;
    // Closures that are there keep their code, and no file is initialised twice.
    if (input.isRenewed(fn.name) || isInitialiser(fn.name)) return;
    const [source, label] = [sourceOf(edited, fn), labelOf(edited, fn)];
    roots.push({ fn, live, reason, source, label, ...more });
  };
  const differing = states.filter((state) => state.live !== undefined && !state.comparison.same);
  if (selection !== 'changed' && 'again' in selection) {
    for (const state of states) {
      const before = selection.again.find(({ fn }) => fn.name === state.fn.name);
      if (before !== undefined) {
        const { why, diff } = before;
        add(state, before.reason, {
          ...(why === undefined ? {} : { why }),
          ...(diff === undefined ? {} : { diff }),
        });
      }
    }
    return roots;
  }
  const names =
    selection === 'changed'
      ? differing.map(({ fn }) => sourceName(fn.name))
      : selection.names.flatMap((name) => [name, ...localNames(input, name)]);
  const hosts = hostFunctions(
    input,
    names.filter((name) => mayHaveChanged(states, name)),
  );
  if (selection !== 'changed') {
    for (const name of selection.names) {
      assertDefined(input, name);
      if (hosts.size === 0) assertRunning(input, name);
    }
  }
  for (const state of differing) {
    const { name } = state.fn;
    if (isCompilerMade(name)) {
      if (names.includes(sourceName(name)) && isCalledAlike(input, state)) add(state, 'clone');
    } else if (names.includes(name)) {
      add(state, selection === 'changed' ? 'changed' : 'requested');
    } else if (identitiesOf(input, state).some((identity) => hosts.has(identity))) {
      add(state, 'inlined');
    }
  }
  if (roots.length > 0)
    for (const state of differing) if (input.isAdded(state)) add(state, 'changed');
  return roots;
}

/** Lambdas and methods of local classes belong to the function that they are in. */
function localNames({ states, edited }: RootInput, owner: string): string[] {
  const named = states.filter(({ comparison }) => !comparison.same).map(({ fn }) => fn.name);
  const inlined = edited.debug?.functions().filter((fn) => fn.isInlined) ?? [];
  return [...named.map(sourceName), ...inlined.map(identityOf)].filter((name) =>
    isLocalTo(name, owner),
  );
}

/** A function whose every body is the code that runs has not changed, and neither have its copies.
 *  Of one without a body only the copies can tell. */
function mayHaveChanged(states: readonly FunctionState[], name: string): boolean {
  const bodies = states.filter(
    ({ fn, live }) => live !== undefined && sourceName(fn.name) === name,
  );
  return bodies.length === 0 || bodies.some(({ comparison }) => !comparison.same);
}

/**
 * A clone has the calling convention that its callers were compiled for: parameters that the
 * compiler removed, split or made constant. The live callers can only call a new clone that is
 * called the same way. That is certain when each of them, compiled with the new clone, is the code
 * that runs; or when every parameter is accounted for and is where it was.
 */
function isCalledAlike(input: RootInput, { fn, live }: FunctionState): boolean {
  if (live === undefined) return false;
  if (callersOf(input, runningCode(input), live).every(({ comparison }) => comparison.same))
    return true;
  const before = debugEntryAt(input.wanted.unit, input.wanted.module, live.address);
  const after = input.edited.debugEntryOf(fn);
  const [homesBefore, homesAfter] = [
    before && parameterHomes(before),
    after && parameterHomes(after),
  ];
  if (homesBefore === undefined || homesAfter === undefined || !accountsForAll(homesBefore))
    return false;
  return (
    homesBefore.length === homesAfter.length &&
    homesBefore.every((home, i) => home === homesAfter[i])
  );
}

interface RunningCode {
  readonly state: FunctionState;
  readonly start: Addr;
  readonly code: Uint8Array;
}

function runningCode({ states, image }: RootInput): RunningCode[] {
  return states.flatMap((state) => {
    const start = state.live?.address;
    const code = state.live && image.original.tryRead(state.live.address, state.live.sizeBytes);
    return start === undefined || code === undefined ? [] : [{ state, start, code }];
  });
}

/** Functions of the unit whose running code branches to the entry of another. */
function callersOf(
  { image }: RootInput,
  running: readonly RunningCode[],
  callee: LiveSymbol,
): FunctionState[] {
  const { patterns } = image.target.machine;
  return running
    .filter(({ start, code }) => patterns.branchesTo(code, callee.address - start))
    .map(({ state }) => state);
}

function assertDefined({ edited, states }: RootInput, name: string): void {
  if (edited.unit.functions.some((fn) => sourceName(fn.name) === name)) return;
  // Inlined wherever it is called: no code of its own, but a definition.
  const inlined = edited.debug?.functions().filter((fn) => fn.isInlined) ?? [];
  if (inlined.some((fn) => variantless(identityOf(fn)) === variantless(name))) return;
  throw new HcrError({
    code: 'function-not-found',
    function: name,
    near: states
      .map(({ fn }) => fn.name)
      .filter((other) => other.includes(name) || name.includes(other))
      .slice(0, 3),
    where: 'the edited source (was it renamed or removed?)',
  });
}

/** The program was found to have the function; its new version must have been recognised as that. */
function assertRunning({ states, live }: RootInput, name: string): void {
  const versions = states.filter(({ fn }) => sourceName(fn.name) === name);
  if (versions.length === 0 || versions.some((version) => version.live !== undefined)) return;
  throw new HcrError({
    code: 'function-not-patchable',
    function: name,
    reason: `the code that ${live.name} has of it is not in the running program, or only in clones that no longer arise`,
    advice:
      'Patch the functions that call it, or name the source it was built from with file.c:name.',
  });
}

/** The functions whose code depends on how some functions were compiled: they hold an inlined copy,
 *  in the live program or in the new code, or they call a live clone, or are a jump to them. */
function hostFunctions(input: RootInput, names: readonly string[]): Set<string> {
  const { wanted, edited, live } = input;
  const hosts = new Set<string>();
  const host = (name: string): void => void hosts.add(variantless(name));
  const called = new Set([
    ...names.map(variantless),
    ...input.states
      .filter(({ fn }) => names.includes(sourceName(fn.name)))
      .flatMap((state) => identitiesOf(input, state)),
  ]);
  for (const unit of [wanted.unit, edited.debug]) {
    for (const { callee, caller } of unit?.inlinedCopies() ?? []) {
      if (called.has(variantless(identityOf(callee)))) host(identityOf(caller));
    }
  }
  const clones = [...live.functions.values()].filter(
    ({ name }) => isCompilerMade(name) && !isColdPart(name) && names.includes(sourceName(name)),
  );
  const running = runningCode(input);
  for (const clone of clones) {
    for (const { fn } of callersOf(input, running, clone))
      if (!names.includes(sourceName(fn.name))) host(fn.name);
  }
  const forwarders = running.filter((each) => isForwarder(input, each));
  const wantedNames = new Set(names);
  for (const { fn, live: entry } of input.states) {
    if (entry === undefined || !wantedNames.has(fn.name)) continue;
    for (const caller of callersOf(input, forwarders, entry)) host(caller.fn.name);
  }
  return hosts;
}

/** The names that debug information may call a function by. */
function identitiesOf({ wanted, edited }: RootInput, { fn, live }: FunctionState): string[] {
  const before = live && debugEntryAt(wanted.unit, wanted.module, live.address);
  const entries = [before, edited.debugEntryOf(fn)].filter((entry) => entry !== undefined);
  return [sourceName(fn.name), ...entries.map(identityOf)].map(variantless);
}

/** A function with the same code as another may have been made a mere jump to it. */
function isForwarder({ image }: RootInput, { code }: RunningCode): boolean {
  const { jumps } = image.target.machine;
  return code.length <= jumps.landingPadBytes(code) + jumps.nearBytes;
}

/** The name of a function in the source, where its symbol has another. */
export function labelOf(edited: EditedUnit, fn: ObjectFunction): string | undefined {
  const entry = edited.debugEntryOf(fn);
  return entry && sourceLabel(entry);
}

/** `file:line` of a function's definition. */
export function sourceOf(edited: EditedUnit, fn: ObjectFunction): string | undefined {
  const entry = edited.debugEntryOf(fn);
  if (entry?.declFile === undefined) return undefined;
  return entry.declLine === undefined ? entry.declFile : `${entry.declFile}:${entry.declLine}`;
}
