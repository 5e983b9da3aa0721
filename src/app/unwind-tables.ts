/**
 * The frame descriptions of all code in a process: of its modules, of the kernel's own shared object,
 * and of what hcr brought. Read when first asked for and then kept, so that threads can be unwound
 * again without reading anything but their stacks.
 */
import { type Addr, contains, rangeAt } from '../core/address.js';
import type { Memory } from '../core/memory.js';
import { type FrameSource, describeAt, frameTableOf } from '../dwarf/frame-table.js';
import type { FrameBytes } from '../dwarf/frame-rows.js';
import type { FoundDescription, UnwindContext } from '../dwarf/unwind.js';
import { PT } from '../elf/constants.js';
import { readElf } from '../elf/elf-file.js';
import { bytesInMemory } from '../elf/file-bytes.js';
import { unlessMalformed } from '../elf/malformed.js';
import { type CoveredRange, decodeFrameIndex } from '../link/frame-index.js';
import type { GenerationRecord } from '../patch/ledger.js';
import type { ProcessImage } from './observe.js';

const KERNEL_OBJECT = '[vdso]';
/** It has two pages, or some more. */
const MAX_KERNEL_OBJECT_BYTES = 1 << 20;

interface Region {
  readonly start: number;
  readonly end: number;
  readonly bias: number;
  readonly source: FrameSource;
}

export class UnwindTables {
  private readonly image: ProcessImage;
  private readonly regions: Region[];
  private readonly bodies: readonly (CoveredRange & { readonly home: FrameBytes })[];
  private readonly found = new Map<Addr, FoundDescription | undefined>();

  /** What is in the process now; make another after a publication or a dlopen.
   *  @param image borrowed for as long as this is used */
  constructor(image: ProcessImage) {
    this.image = image;
    this.regions = [...modulesOf(image), ...kernelObjectOf(image)];
    this.bodies = image.store.ledger.generations.flatMap((each) => describedBy(image, each));
  }

  /** @param memory that of the target, or a copy of what it was when the thread stood */
  context(memory: Memory = this.image.target.memory): UnwindContext {
    const { unwinding } = this.image.target.machine;
    return { unwinding, memory, littleEndian: true, find: (address) => this.find(address) };
  }

  private find(address: Addr): FoundDescription | undefined {
    if (!this.found.has(address)) this.found.set(address, this.search(address));
    return this.found.get(address);
  }

  private search(address: Addr): FoundDescription | undefined {
    const body = this.bodies.find((range) => contains(range, address));
    if (body !== undefined) {
      const description = readDescription(body.home, body.description);
      return description && { description, bias: 0 };
    }
    const region = this.regions.find(({ start, end }) => address >= start && address < end);
    const description = region?.source.find(address - region.bias);
    return region && description && { description, bias: region.bias };
  }
}

function modulesOf({ modules }: ProcessImage): Region[] {
  return modules.map(({ file, bias, range }) => ({
    ...range,
    bias,
    source: frameTableOf(file),
  }));
}

function kernelObjectOf({ target }: ProcessImage): Region[] {
  const mapping = target.maps().find(({ path }) => path === KERNEL_OBJECT);
  if (mapping === undefined || mapping.end - mapping.start > MAX_KERNEL_OBJECT_BYTES) return [];
  const bytes = target.memory.tryRead(mapping.start, mapping.end - mapping.start);
  if (bytes === undefined) return [];
  const region = unlessMalformed(() => {
    const elf = readElf(bytesInMemory(bytes), KERNEL_OBJECT);
    const base = elf.segments.find(({ type }) => type === PT.LOAD)?.address ?? 0;
    const { start, end } = mapping;
    return { start, end, bias: start - base, source: frameTableOf(elf) };
  });
  return region === undefined ? [] : [region];
}

/** Of the generations that still have their memory. */
function describedBy(
  { target }: ProcessImage,
  { frameIndexes, blocks }: GenerationRecord,
): (CoveredRange & { readonly home: FrameBytes })[] {
  return frameIndexes.flatMap(({ start, end }) => {
    const described = unlessMalformed(() => {
      const block = blocks.find((each) => contains(rangeAt(each.start, each.sizeBytes), start));
      const bytes = block && target.memory.tryRead(block.start, block.sizeBytes);
      if (block === undefined || bytes === undefined) return [];
      const home = { bytes, address: block.start, littleEndian: true, what: 'new frames' };
      const index = bytes.subarray(start - block.start, end - block.start);
      return decodeFrameIndex(index, true).map((range) => ({ ...range, home }));
    });
    return described ?? [];
  });
}

function readDescription(home: FrameBytes, at: Addr): FoundDescription['description'] | undefined {
  return unlessMalformed(() => describeAt(home, at - home.address, 'eh'));
}
