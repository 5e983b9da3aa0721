/** Code as text, with the names of what it refers to. */
import type { Decoder, Instruction } from '../arch/decoder.js';
import { type Addr, type AddrRange, type Vaddr, addr, contains } from '../core/address.js';
import type { Memory } from '../core/memory.js';
import { type LoadedModule, fileAddress, liveAddress } from '../elf/loaded-module.js';
import type { DiffLine } from '../core/line-diff.js';
import type { ProcessImage } from './observe.js';

const PLT_ENTRY_BYTES = 16;
const MAX_TEXT_BYTES = 40;
const HEX = /0x[0-9a-f]{3,}/g;

/** Text of an instruction, from how the decoder prints it. */
type Naming = (instruction: Instruction, text: string) => string;

export class CodeListing {
  private readonly image: ProcessImage;
  private readonly decoder: Decoder;
  private readonly slots = new Map<LoadedModule, ReadonlyMap<Addr, string>>();

  constructor(image: ProcessImage, decoder: Decoder) {
    this.image = image;
    this.decoder = decoder;
  }

  /** Code of the process, one line an instruction; empty where it cannot be read.
   *  @param own of the function whose addresses stay numbers: its entry and what belongs to it */
  live(start: Addr, sizeBytes: number, memory: Memory, own: AddrRange): DiffLine[] {
    const code = memory.tryRead(start, sizeBytes);
    if (code === undefined) return [];
    return this.lines(code, start, (_, text) =>
      text.replaceAll(HEX, (hex) => this.nameOf(Number(hex), own) ?? hex),
    );
  }

  lines(code: Uint8Array, start: Addr, name: Naming): DiffLine[] {
    const texts = this.decoder.format(code, start);
    const end = start + code.length;
    return this.decoder.decode(code, start).flatMap((instruction, i) => {
      if (instruction.isPadding) return [];
      const { target } = instruction;
      const text = texts[i] ?? '';
      const own = name(instruction, text);
      const mnemonic = text.split(' ')[0] ?? '';
      // Where a label lies says nothing: it moves with every edit before it.
      if (target !== undefined && target >= start && target < end && own === text)
        return [{ key: mnemonic, text: `${mnemonic} +0x${(target - start).toString(16)}` }];
      return [{ key: own, text: own }];
    });
  }

  private nameOf(address: number, own: AddrRange): string | undefined {
    const { image } = this;
    if (contains(own, address)) return undefined;
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
export function textAt(bytes: Uint8Array): string | undefined {
  const end = bytes.subarray(0, MAX_TEXT_BYTES + 1).indexOf(0);
  const text = Buffer.from(bytes.subarray(0, end < 0 ? MAX_TEXT_BYTES : end)).toString('latin1');
  if (text === '' || !/^[\t\n\r -~]+$/.test(text)) return undefined;
  return `${JSON.stringify(text)}${end < 0 ? '…' : ''}`;
}
