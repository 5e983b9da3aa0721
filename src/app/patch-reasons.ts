/** Why each function of a patch differs from the code that runs, in a few words for people. */
import type { Decoder } from '../arch/decoder.js';
import { type Addr, contains } from '../core/address.js';
import type { InlinedCopy } from '../dwarf/inlined-copies.js';
import { identityOf } from '../dwarf/source-name.js';
import { fileAddressWithin } from '../elf/loaded-module.js';
import { isCompilerMade, sourceName } from '../link/live-unit.js';
import type { FunctionState } from '../patch/changed-functions.js';
import { bodiesAt } from '../patch/ledger.js';
import type { ProcessImage } from './observe.js';
import type { PreparedUnit } from './prepare-unit.js';
import type { PatchRoot } from './select-roots.js';
import type { FileClock } from './unit-files.js';

/** The unit, each function of it with its reason. */
export function withReasons(
  image: ProcessImage,
  unit: PreparedUnit,
  decoder: Decoder,
  clock: FileClock,
): PreparedUnit {
  const reasons = new Reasons(image, unit, decoder, clock);
  return { ...unit, roots: unit.roots.map((root) => ({ ...root, why: reasons.of(root) })) };
}

class Reasons {
  private readonly image: ProcessImage;
  private readonly unit: PreparedUnit;
  private readonly decoder: Decoder;
  private readonly clock: FileClock;
  private readonly isPatched: ReadonlySet<Addr>;

  constructor(image: ProcessImage, unit: PreparedUnit, decoder: Decoder, clock: FileClock) {
    this.image = image;
    this.unit = unit;
    this.decoder = decoder;
    this.clock = clock;
    const { ledger } = image.store;
    this.isPatched = new Set(bodiesAt(ledger, ledger.current).keys());
  }

  of(root: PatchRoot): string {
    if (isCompilerMade(root.fn.name)) return `clone of ${sourceName(root.fn.name)}`;
    const state = this.unit.states.find(({ fn }) => fn === root.fn);
    if (state === undefined || state.comparison.same) return 'body';
    if (state.comparison.reason === 'constant') return 'constant';
    const helper = this.helperOf(root, state);
    return helper === undefined ? 'body' : `inlined helper ${helper}`;
  }

  /** An inlined function of which an edited copy is what makes the difference, as far as it shows:
   *  the user asked for it, its own body differs too, it stands in another file that was edited, all of its several holders
   *  differ, or the first difference lies in the copy. */
  private helperOf(root: PatchRoot, state: FunctionState): string | undefined {
    const copies = this.copiesIn(root);
    if (copies.length === 0) return undefined;
    const { names } = this.unit.wanted;
    const requested = copies.find(({ callee }) => names.includes(identityOf(callee)));
    if (root.reason === 'inlined' && requested !== undefined) return requested.callee.name;
    const own = this.unit.edited.debugEntryOf(root.fn)?.declFile;
    for (const { callee } of copies) {
      const bodies = this.unit.states.filter(
        ({ fn, live }) =>
          live !== undefined && sourceName(fn.name) === (callee.linkageName ?? callee.name),
      );
      if (bodies.some(({ comparison }) => !comparison.same)) return callee.name;
      if (bodies.length > 0) continue;
      const { declFile } = callee;
      if (declFile !== undefined && declFile !== own && this.isNewer(declFile)) return callee.name;
      if (root.reason === 'inlined' || this.allHoldersDiffer(callee.name)) return callee.name;
    }
    return this.copyAtFirstDifference(root, state, copies);
  }

  private copiesIn({ fn, live }: PatchRoot): InlinedCopy[] {
    const { wanted, edited } = this.unit;
    const at = fileAddressWithin(wanted.module, live.address);
    const entry = edited.debugEntryOf(fn)?.entry;
    return [
      ...(wanted.unit?.inlinedCopies() ?? []).filter(
        ({ caller }) => at !== undefined && caller.entry === at,
      ),
      ...(edited.debug?.inlinedCopies() ?? []).filter(
        ({ caller }) => entry !== undefined && caller.entry === entry,
      ),
    ];
  }

  private allHoldersDiffer(helper: string): boolean {
    const { wanted, states } = this.unit;
    const holders = new Set(
      (wanted.unit?.inlinedCopies() ?? [])
        .filter(({ callee }) => callee.name === helper)
        .map(({ caller }) => (caller.entry ?? 0) + wanted.module.bias),
    );
    const differing = states.filter(
      ({ live, comparison }) => live !== undefined && holders.has(live.address) && !comparison.same,
    );
    return holders.size > 1 && differing.length === holders.size;
  }

  private copyAtFirstDifference(
    { live }: PatchRoot,
    { fn }: FunctionState,
    copies: readonly InlinedCopy[],
  ): string | undefined {
    const { image, unit, decoder } = this;
    const code = image.original.tryRead(live.address, live.sizeBytes);
    if (code === undefined || this.isPatched.has(live.address)) return undefined;
    const { object } = unit.edited.unit;
    const compiled = object.bytesOf(fn.section).subarray(fn.offset, fn.offset + fn.sizeBytes);
    const [ours, theirs] = [compiled, code].map((bytes) => decoder.decode(bytes, live.address));
    const index = theirs?.findIndex((each, i) => each.shape !== ours?.[i]?.shape) ?? -1;
    const [our, their] = [ours?.[index], theirs?.[index]];
    const entry = unit.edited.debugEntryOf(fn)?.entry;
    const before = their && fileAddressWithin(unit.wanted.module, their.address);
    const places = [
      ...(before === undefined ? [] : [before]),
      // The object's addresses are those of its own debug information.
      ...(our === undefined || entry === undefined ? [] : [our.address - live.address + entry]),
    ];
    return copies.findLast(({ ranges }) =>
      ranges().some((range) => places.some((at) => contains(range, at))),
    )?.callee.name;
  }

  private isNewer(file: string): boolean {
    return this.clock.writtenAt(file) > this.unit.wanted.module.writtenAtMs;
  }
}
