/** Whether a new body needs a stub in front of it; see src/patch/caller-contract.ts. */
import type { Decoder } from '../arch/decoder.js';
import type { RegisterSet } from '../arch/register-set.js';
import { type Addr, rangeAt } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Memory } from '../core/memory.js';
import type { FunctionEntry } from '../dwarf/functions.js';
import { parameterDies, typeOf } from '../dwarf/types.js';
import { valueClass } from '../dwarf/value-class.js';
import type { KeepingNeed } from '../link/layout.js';
import type { LinkedPart } from '../link/link.js';
import { linkedBytes } from '../link/linked-bytes.js';
import type { LiveSymbol } from '../link/live-symbols.js';
import { callerContract } from '../patch/caller-contract.js';
import { type Body, bodiesAt, codeRangesOf } from '../patch/ledger.js';
import { ModuleCode, type RedirectedCode } from '../patch/module-code.js';
import { runnableGenerations } from '../patch/retire.js';
import { debugEntryAt } from './locate.js';
import type { ProcessImage } from './observe.js';
import type { PlacedUnit } from './placed-unit.js';
import type { PreparedUnit } from './prepare-unit.js';
import type { PatchRoot } from './select-roots.js';
import { coldParts } from './record-generation.js';

interface BodyCode {
  readonly start: Addr;
  readonly code: Uint8Array;
}

/** A generation of which a body may still run. */
interface RunnableGeneration {
  readonly bodies: readonly BodyCode[];
  /** Read when a body turns out to call what is patched. */
  readonly state: () => ModuleCode;
}

/** What the callers of a unit's functions count on. What is the same for all functions is read once. */
export class UnitContracts {
  private readonly image: ProcessImage;
  private readonly prepared: PreparedUnit;
  private readonly decoder: Decoder;
  private readonly after: ModuleCode;
  private readonly original: ModuleCode;
  private readonly generations: readonly RunnableGeneration[];

  constructor(image: ProcessImage, placed: PlacedUnit, decoder: Decoder) {
    const { prepared } = placed;
    const { memory } = image.target;
    this.image = image;
    this.prepared = prepared;
    this.decoder = decoder;
    this.after = codeAfter(image, placed);
    this.original = moduleCode(image, prepared, unitFunctions(prepared), [], memory);
    this.generations = runnableGenerationsOf(image, prepared);
  }

  /** @returns undefined when a plain jump will do
   *  @throws HcrError `function-not-patchable` when a stub is needed and cannot be had */
  of(root: PatchRoot): KeepingNeed | undefined {
    const { image, prepared, decoder } = this;
    const entry = root.live.address;
    const contract = callerContract(decoder, this.before(entry), this.after, entry);
    const returned = returnedBy(image, prepared.edited.debugEntryOf(root.fn)) ?? decoder.returned;
    const keep = contract.keep & ~returned;
    if (keep === 0n && !contract.realign) return undefined;
    if (hasStackArguments(image, prepared.edited.debugEntryOf(root.fn))) {
      const what =
        keep === 0n
          ? 'the stack need not be aligned'
          : `it leaves ${decoder.namesOf(keep).join(', ')} alone`;
      throw new HcrError({
        code: 'function-not-patchable',
        function: root.fn.name,
        reason: `its callers were compiled knowing that ${what}, which the new code does not keep to, and it may take arguments on the stack`,
        advice:
          'Build the program with -fno-ipa-ra -mincoming-stack-boundary=4, or put the change into a function it calls.',
      });
    }
    return { keep };
  }

  /** The code as the compilers of callers knew it: the program's, and that of each generation whose
   *  bodies may still run and call the function. */
  private before(entry: Addr): ModuleCode[] {
    const { patterns } = this.image.target.machine;
    const calling = this.generations.filter(({ bodies }) =>
      bodies.some(({ start, code }) => patterns.branchesTo(code, entry - start)),
    );
    return [this.original, ...calling.map(({ state }) => state())];
  }
}

function runnableGenerationsOf(image: ProcessImage, prepared: PreparedUnit): RunnableGeneration[] {
  const { store, target } = image;
  const { ledger } = store;
  const runnable = runnableGenerations(ledger);
  return ledger.generations
    .filter(({ number }) => runnable.has(number))
    .map(({ number, bodies }) => {
      let known: ModuleCode | undefined;
      return {
        bodies: bodies.flatMap(({ start, sizeBytes }) => {
          const code = target.memory.tryRead(start, sizeBytes);
          return code === undefined ? [] : [{ start, code }];
        }),
        state: () => {
          known ??= moduleCode(
            image,
            prepared,
            [],
            [...bodiesAt(ledger, number).values()].map(redirectOf),
            target.memory,
          );
          return known;
        },
      };
    });
}

/** The code as it will be: new bodies in place, where they have been linked but not yet put. */
function codeAfter(image: ProcessImage, placed: PlacedUnit): ModuleCode {
  const { ledger } = image.store;
  const { prepared, image: linked } = placed;
  const live = bodiesAt(ledger, ledger.current);
  const roots = new Map(prepared.roots.map((root) => [root.fn, root]));
  const changing = new Set(prepared.roots.map((root) => root.live.address));
  const redirected = [...live.values()].filter(({ entry }) => !changing.has(entry)).map(redirectOf);
  for (const fn of prepared.edited.unit.functions) {
    const start = linked.addressOf(fn);
    if (start === undefined || fn.name.endsWith('.cold')) continue;
    const root = roots.get(fn);
    const ranges = [rangeAt(start, fn.sizeBytes), ...coldParts(placed, fn)];
    redirected.push({ entry: root?.live.address ?? start, ranges });
  }
  return moduleCode(
    image,
    prepared,
    [],
    redirected,
    new LinkedMemory(linked.parts, image.target.memory),
  );
}

function redirectOf(body: Body): RedirectedCode {
  return {
    entry: body.entry,
    ranges: codeRangesOf(body),
  };
}

function moduleCode(
  image: ProcessImage,
  prepared: PreparedUnit,
  unit: readonly LiveSymbol[],
  redirected: readonly RedirectedCode[],
  patched: Memory,
): ModuleCode {
  const { module, unit: debug } = prepared.wanted;
  const { patterns, jumps } = image.target.machine;
  return new ModuleCode({
    module,
    original: image.original,
    patched,
    patterns,
    jumps,
    unit,
    redirected,
    returnedBy: (entry) => returnedBy(image, debugEntryAt(debug, module, entry)),
  });
}

/** All functions of the live unit, as far as anything names them. */
function unitFunctions({ wanted, live, binder, edited }: PreparedUnit): LiveSymbol[] {
  const functions = new Map<Addr, LiveSymbol>();
  const add = (symbol: LiveSymbol | undefined): void => {
    if (symbol !== undefined) functions.set(symbol.address, symbol);
  };
  for (const symbol of live.functions.values()) add(symbol);
  for (const fn of edited.unit.functions) add(binder.counterparts.entryOf(fn));
  for (const { entry, name } of wanted.unit?.functions() ?? []) {
    if (entry === undefined) continue;
    const address = (entry + wanted.module.bias) as Addr;
    if (!functions.has(address)) {
      functions.set(address, {
        name,
        module: wanted.module,
        kind: 'function',
        address,
        blockOffset: undefined,
        sizeBytes: 0,
      });
    }
  }
  return [...functions.values()];
}

/** Registers in which a function returns, by its declaration; undefined when that is not known. */
function returnedBy(
  image: ProcessImage,
  entry: FunctionEntry | undefined,
): RegisterSet | undefined {
  if (entry === undefined) return undefined;
  return image.target.machine.callingConvention.returnedIn[valueClass(typeOf(entry.declaration()))];
}

/** Whether a function may take arguments on the stack; true when that is not known. */
function hasStackArguments(image: ProcessImage, entry: FunctionEntry | undefined): boolean {
  if (entry === undefined) return true;
  const { entries, variadic } = parameterDies(entry.declaration());
  const classes = entries.map((die) => valueClass(typeOf(die)));
  const { argumentRegisters } = image.target.machine.callingConvention;
  const count = (wanted: string): number => classes.filter((each) => each === wanted).length;
  return (
    variadic ||
    count('other') > 0 ||
    count('integer') > argumentRegisters.integer.length ||
    count('floating-point') > argumentRegisters['floating-point'].length
  );
}

/** Linked bytes that are not in the target yet, over what is. */
class LinkedMemory implements Memory {
  private readonly parts: readonly LinkedPart[];
  private readonly below: Memory;

  constructor(parts: readonly LinkedPart[], below: Memory) {
    this.parts = parts;
    this.below = below;
  }

  read(address: Addr, lengthBytes: number): Uint8Array {
    return this.linked(address, lengthBytes) ?? this.below.read(address, lengthBytes);
  }

  tryRead(address: Addr, lengthBytes: number): Uint8Array | undefined {
    return this.linked(address, lengthBytes) ?? this.below.tryRead(address, lengthBytes);
  }

  private linked(address: Addr, lengthBytes: number): Uint8Array | undefined {
    return linkedBytes(this.parts, address, lengthBytes)?.slice();
  }
}
