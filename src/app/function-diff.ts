/** The code that runs against the code that is to run, instruction by instruction, with names. */
import type { Decoder } from '../arch/decoder.js';
import { rangeAt } from '../core/address.js';
import { type Reference, constantOffset, resolveReferences } from '../link/resolve.js';
import { isCode } from '../link/object-unit.js';
import { type DiffLine, type DiffRow, diffLines } from '../core/line-diff.js';
import { bodiesAt } from '../patch/ledger.js';
import { CodeListing, textAt } from './code-listing.js';
import type { ProcessImage } from './observe.js';
import type { PreparedUnit } from './prepare-unit.js';
import type { PatchRoot } from './select-roots.js';

/** The unit, each function of it with its code before and after. */
export function withDiffs(image: ProcessImage, unit: PreparedUnit, decoder: Decoder): PreparedUnit {
  const listing = new CodeListing(image, decoder);
  const diffOf = (root: PatchRoot): DiffRow[] => {
    const diff = new FunctionDiff(image, unit, root, listing);
    return diffLines(diff.before(), diff.after());
  };
  return { ...unit, roots: unit.roots.map((root) => ({ ...root, diff: diffOf(root) })) };
}

class FunctionDiff {
  private readonly image: ProcessImage;
  private readonly unit: PreparedUnit;
  private readonly root: PatchRoot;
  private readonly listing: CodeListing;

  constructor(image: ProcessImage, unit: PreparedUnit, root: PatchRoot, listing: CodeListing) {
    this.image = image;
    this.unit = unit;
    this.root = root;
    this.listing = listing;
  }

  before(): DiffLine[] {
    const { image, root } = this;
    const { ledger } = image.store;
    const body = bodiesAt(ledger, ledger.current).get(root.live.address);
    const start = body?.start ?? root.live.address;
    const memory = body === undefined ? image.original : image.target.memory;
    const { address, sizeBytes } = root.live;
    const own = rangeAt(address, sizeBytes);
    return this.listing.live(start, body?.sizeBytes ?? sizeBytes, memory, own);
  }

  after(): DiffLine[] {
    const { fn, live } = this.root;
    const { edited, binder } = this.unit;
    const { relocations } = this.image.target.machine;
    const compiled = edited.unit.object
      .bytesOf(fn.section)
      .subarray(fn.offset, fn.offset + fn.sizeBytes);
    const references = resolveReferences(fn.section, edited.unit, binder, relocations);
    return this.listing.lines(compiled, live.address, (instruction, text) => {
      const start = instruction.address - live.address + fn.offset;
      const reference = references.find(
        ({ relocation }) =>
          relocation.offset >= start && relocation.offset < start + instruction.lengthBytes,
      );
      if (reference === undefined) return text;
      // The field is still empty: it points behind the instruction, or at nothing.
      const empty = `0x${(instruction.address + instruction.lengthBytes).toString(16)}`;
      const name = this.referenceName(reference);
      if (text.includes(empty)) return text.replace(empty, name);
      return /\$0\b/.test(text) ? text.replace(/\$0\b/, `$${name}`) : `${text} # ${name}`;
    });
  }

  private referenceName(reference: Reference): string {
    const { symbol, binding } = reference;
    const { object } = this.unit.edited.unit;
    if (binding.kind === 'fresh' && !isCode(binding.section)) {
      const offset = constantOffset(reference, this.image.target.machine.relocations);
      const bytes = object.bytesOf(binding.section);
      const text = offset <= bytes.length ? textAt(bytes.subarray(offset)) : undefined;
      return text ?? (symbol.name || binding.section.name);
    }
    if (binding.kind === 'live') return binding.symbol?.name ?? (binding.name || symbol.name);
    return symbol.name;
  }
}
