/** Whether a function may get the new body that was compiled for it. */
import type { Vaddr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Difference } from '../core/failure-codes.js';
import { compareSignatures, signatureOf } from '../dwarf/signature.js';
import type { Binder } from '../link/bind.js';
import { STT } from '../elf/constants.js';
import type { ElfSymbol } from '../elf/symbols.js';
import { isCompilerMade } from '../link/live-unit.js';
import type { LiveSymbol } from '../link/live-symbols.js';
import type { ObjectFunction } from '../link/object-unit.js';
import type { EditedUnit } from '../link/read-object-unit.js';
import { type LayoutFindings, type LayoutInput, checkLayouts } from './layout-check.js';
import { checkShared } from './shared-types.js';
import { checkVariables } from './variable-check.js';
import { type WantedUnit, debugEntryAt } from './locate.js';
import type { PatchRoot } from './select-roots.js';

/** Compares declarations, by debug information on both sides; without it there is nothing to say. */
export class SignatureCheck {
  private readonly wanted: WantedUnit;
  private readonly edited: EditedUnit;
  private readonly known = new Map<ObjectFunction, readonly Difference[]>();

  constructor(wanted: WantedUnit, edited: EditedUnit) {
    this.wanted = wanted;
    this.edited = edited;
  }

  differences(fn: ObjectFunction, live: LiveSymbol | undefined): readonly Difference[] {
    if (live === undefined) return [];
    let known = this.known.get(fn);
    if (known === undefined) {
      known = this.compare(fn, live);
      this.known.set(fn, known);
    }
    return known;
  }

  /** `abi-changed`, when it cannot be called as before. */
  problem({ fn, live }: PatchRoot): HcrError | undefined {
    const differences = this.differences(fn, live);
    return differences.length === 0
      ? undefined
      : new HcrError({ code: 'abi-changed', function: fn.name, differences });
  }

  private compare(fn: ObjectFunction, live: LiveSymbol): readonly Difference[] {
    const before = debugEntryAt(this.wanted.unit, this.wanted.module, live.address);
    const after = this.edited.debugEntryOf(fn);
    if (before === undefined || after === undefined) return [];
    return compareSignatures(signatureOf(before), signatureOf(after));
  }
}

export interface CheckInput extends LayoutInput {
  readonly binder: Binder;
  readonly signatures: SignatureCheck;
}

/** All that speaks against the new bodies, the gravest first; without debug information on both
 *  sides there is little to say.
 *  @throws HcrError `malformed-file` */
export function checkRoots(input: CheckInput): LayoutFindings {
  const { roots, signatures, wanted, edited, binder, linked } = input;
  const layouts = checkLayouts(input);
  return {
    problems: [
      ...roots.flatMap((root) => signatures.problem(root) ?? []),
      ...layouts.problems,
      ...checkShared(input.image.store.ledger, roots, input.agreeing),
      ...checkVariables(wanted, edited, binder, linked),
    ],
    shared: layouts.shared,
  };
}

/** Other symbols of the program at the entry of a function. */
function namesBeside({ fn, live }: PatchRoot): readonly ElfSymbol[] {
  const { file, bias } = live.module;
  const table = file.symbols();
  const here = table
    .findAddress((live.address - bias) as Vaddr)
    .filter(({ type, value }) => type === STT.FUNC && value + bias === live.address);
  const own = here.findIndex(({ name }) => name === fn.name);
  return here.filter(({ name }, i) => i !== own && !isCompilerMade(name));
}

/** Names that the source gives to the same function (`__attribute__((alias))`), for people. Those
 *  of constructors and destructors, which nobody wrote, are left out. */
export function aliasesOf(root: PatchRoot, edited: EditedUnit): string[] {
  const names = namesBeside(root).map(({ name }) => name);
  return [...new Set(names)].filter(
    (name) => name !== root.fn.name && !name.startsWith('_Z') && isSamePlace(name, root, edited),
  );
}

function isSamePlace(name: string, { fn }: PatchRoot, edited: EditedUnit): boolean {
  return edited.unit.functions.some(
    (other) => other.name === name && other.section === fn.section && other.offset === fn.offset,
  );
}

/** The compiler or the linker may have merged functions with the same code, of several sources too.
 *  They have one entry, so a redirect would change them all.
 *  @throws HcrError `function-not-patchable` */
export function assertNotFolded(root: PatchRoot, edited: EditedUnit): void {
  const { fn, live } = root;
  const table = live.module.file.symbols();
  const apart = namesBeside(root).filter((symbol) => {
    const name = symbol.name.replace(/@.*$/, '');
    // Two of one name at one place are one function, unless they are private to two sources.
    if (name === fn.name) return fn.isLocal && table.fileOf(symbol) !== undefined;
    return !isSamePlace(name, root, edited);
  });
  if (apart.length === 0) return;
  throw new HcrError({
    code: 'function-not-patchable',
    function: fn.name,
    reason: `it shares its code with ${apart.map(({ name }) => name).join(', ')} in the program (identical code was folded)`,
    advice:
      'Build the program with -fno-ipa-icf and without --icf, or patch the functions that call it.',
  });
}
