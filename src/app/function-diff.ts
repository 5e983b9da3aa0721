/** The code that runs against the code that is to run, instruction by instruction, with names. */
import type { Decoder, Instruction } from '../arch/arch.js';
import { type Addr, type Vaddr, addr, contains } from '../core/address.js';
import { type LoadedModule, fileAddress, liveAddress } from '../elf/loaded-module.js';
import { type Reference, constantOffset, resolveReferences } from '../link/resolve.js';
import { isCode } from '../link/object-unit.js';
import { type DiffLine, type DiffRow, diffLines } from '../patch/diff-lines.js';
import { bodiesAt } from '../patch/ledger.js';
import type { ProcessImage } from './observe.js';
import type { PreparedUnit } from './prepare-unit.js';
import type { PatchRoot } from './select-roots.js';

const PLT_ENTRY_BYTES = 16;
const MAX_TEXT_BYTES = 40;
const HEX = /0x[0-9A-Fa-f]{3,}/g;

/** The unit, each function of it with its code before and after. */
export function withDiffs(image: ProcessImage, unit: PreparedUnit, decoder: Decoder): PreparedUnit {
  const diffOf = (root: PatchRoot): DiffRow[] => {
    const diff = new FunctionDiff(image, unit, root, decoder);
    return diffLines(diff.before(), diff.after());
  };
  return { ...unit, roots: unit.roots.map((root) => ({ ...root, diff: diffOf(root) })) };
}

class FunctionDiff {
  private readonly image: ProcessImage;
  private readonly unit: PreparedUnit;
  private readonly root: PatchRoot;
  private readonly decoder: Decoder;
  private readonly slots = new Map<LoadedModule, ReadonlyMap<Addr, string>>();

  constructor(image: ProcessImage, unit: PreparedUnit, root: PatchRoot, decoder: Decoder) {
    this.image = image;
    this.unit = unit;
    this.root = root;
    this.decoder = decoder;
  }

  before(): DiffLine[] {
    const { image, root } = this;
    const { ledger } = image.store;
    const body = bodiesAt(ledger, ledger.current).get(root.live.address);
    const start = body?.start ?? root.live.address;
    const memory = body === undefined ? image.original : image.target.memory;
    const code = memory.tryRead(start, body?.sizeBytes ?? root.live.sizeBytes);
    if (code === undefined) return [];
    return this.lines(code, start, (_, text) =>
      text.replaceAll(HEX, (hex) => this.nameOf(Number(hex)) ?? hex.toLowerCase()),
    );
  }

  after(): DiffLine[] {
    const { fn, live } = this.root;
    const { edited, binder } = this.unit;
    const { relocations } = this.image.target.machine;
    const compiled = edited.unit.object
      .bytesOf(fn.section)
      .subarray(fn.offset, fn.offset + fn.sizeBytes);
    const references = resolveReferences(fn.section, edited.unit, binder, relocations);
    return this.lines(compiled, live.address, (instruction, text) => {
      const start = instruction.address - live.address + fn.offset;
      const reference = references.find(
        ({ relocation }) =>
          relocation.offset >= start && relocation.offset < start + instruction.lengthBytes,
      );
      if (reference === undefined) return text.toLowerCase();
      // The field is still empty: it points behind the instruction, or at nothing.
      const empty = `0x${(instruction.address + instruction.lengthBytes).toString(16).toUpperCase()}`;
      const name = this.referenceName(reference);
      if (text.includes(empty)) return text.replace(empty, name);
      return /\$0\b/.test(text) ? text.replace(/\$0\b/, `$${name}`) : `${text} # ${name}`;
    });
  }

  private lines(
    code: Uint8Array,
    start: Addr,
    name: (instruction: Instruction, text: string) => string,
  ): DiffLine[] {
    const texts = this.decoder.format(code, start);
    const end = start + code.length;
    return this.decoder.decode(code, start).flatMap((instruction, i) => {
      if (instruction.isPadding) return [];
      const { target } = instruction;
      const text = texts[i] ?? '';
      const own = name(instruction, text);
      const mnemonic = text.split(' ')[0] ?? '';
      // Where a label lies says nothing: it moves with every edit before it.
      if (
        target !== undefined &&
        target >= start &&
        target < end &&
        own.toLowerCase() === text.toLowerCase()
      )
        return [{ key: mnemonic, text: `${mnemonic} +0x${(target - start).toString(16)}` }];
      return [{ key: own, text: own }];
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

  private nameOf(address: number): string | undefined {
    const { image, root } = this;
    if (address >= root.live.address && address < root.live.address + root.live.sizeBytes)
      return undefined;
    const module = image.modules.find(({ range }) => contains(range, address));
    if (module === undefined) return undefined;
    const at = addr(address);
    const slots = this.slotsOf(module);
    const slot = slots.get(at) ?? this.throughPlt(at, slots);
    if (slot !== undefined) return slot;
    const symbol = module.file
      .symbols()
      .findAddress(fileAddress(module, at))
      .find(({ name }) => name !== '');
    if (symbol !== undefined) {
      const distance = address - module.bias - symbol.value;
      return distance === 0 ? symbol.name : `${symbol.name}+0x${distance.toString(16)}`;
    }
    const bytes = image.original.tryRead(at, MAX_TEXT_BYTES + 1);
    return bytes === undefined ? undefined : textAt(bytes);
  }

  private throughPlt(at: Addr, slots: ReadonlyMap<Addr, string>): string | undefined {
    const code = this.image.original.tryRead(at, PLT_ENTRY_BYTES);
    const slot = code && this.image.target.machine.patterns.pltSlot(code, at);
    return slot === undefined ? undefined : slots.get(slot);
  }

  private slotsOf(module: LoadedModule): ReadonlyMap<Addr, string> {
    let slots = this.slots.get(module);
    if (slots === undefined) {
      const table = module.file.dynamicSymbols();
      slots = new Map(
        [...module.file.dynamicRelocations()]
          .filter(({ symbolIndex }) => symbolIndex > 0 && symbolIndex < table.count)
          .map(({ offset, symbolIndex }) => [
            liveAddress(module, offset as Vaddr),
            table.at(symbolIndex).name,
          ]),
      );
      this.slots.set(module, slots);
    }
    return slots;
  }
}

/** What bytes say, when it is text that ends. */
function textAt(bytes: Uint8Array): string | undefined {
  const end = bytes.subarray(0, MAX_TEXT_BYTES + 1).indexOf(0);
  const text = Buffer.from(bytes.subarray(0, end < 0 ? MAX_TEXT_BYTES : end)).toString('latin1');
  if (text === '' || !/^[\t\n\r -~]+$/.test(text)) return undefined;
  return `${JSON.stringify(text)}${end < 0 ? '…' : ''}`;
}
