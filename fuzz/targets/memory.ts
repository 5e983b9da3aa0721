/** What is read from the memory of a process that lies: the dynamic linker's lists, thread-local
 *  storage, slots with addresses. */
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { type Addr, addr, loadBias } from '../../src/core/address.js';
import type { Memory } from '../../src/core/memory.js';
import { PT } from '../../src/elf/constants.js';
import { type ElfFile, readElf } from '../../src/elf/elf-file.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import type { LoadedModule } from '../../src/elf/loaded-module.js';
import { LiveSymbols } from '../../src/link/live-symbols.js';
import { readLoaderFacts } from '../../src/ptrace/link-maps.js';
import { mutateBytes, writeNumber } from '../mutate-bytes.js';
import { type Target, attempt } from '../target.js';
import { named } from './seed-choice.js';

/** The image of the process: a program, then a library, then what the dynamic linker keeps. */
const BASE = 0x10000;
const LIBRARY = 0x10000;
const LISTS = 0x20000;
const SIZE_BYTES = LISTS + 0x400;
const R_DEBUG = LISTS;
const MAPS = LISTS + 0x80;

let files: readonly ElfFile[] = [];

/** Most that hcr may ask for at once of a program as small as this. */
const MOST_BYTES = 1 << 24;

class ImageMemory implements Memory {
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  read(address: Addr, lengthBytes: number): Uint8Array {
    return this.tryRead(address, lengthBytes) ?? new Uint8Array(lengthBytes);
  }

  tryRead(address: Addr, lengthBytes: number): Uint8Array | undefined {
    if (lengthBytes > MOST_BYTES) throw new Error(`reads ${lengthBytes} bytes`);
    const at = address - BASE;
    return at >= 0 && at + lengthBytes <= this.bytes.length
      ? this.bytes.slice(at, at + lengthBytes)
      : undefined;
  }
}

function moduleOf(file: ElfFile, at: number, isExecutable: boolean): LoadedModule {
  const bias = BASE + at;
  return {
    path: file.what,
    name: file.what,
    bias: loadBias(bias),
    range: { start: addr(bias), end: addr(bias + LIBRARY) },
    isExecutable,
    file,
    loader: undefined,
    writtenAtMs: 0,
  };
}

/** An image in which everything is as the dynamic linker leaves it. */
function imageOf([program, library]: readonly Uint8Array[]): Uint8Array {
  const image = new Uint8Array(SIZE_BYTES);
  if (program !== undefined) image.set(program.subarray(0, LIBRARY));
  if (library !== undefined) image.set(library.subarray(0, LIBRARY), LIBRARY);
  const put = (at: number, value: number): void => {
    writeNumber(image, { offset: at, widthBytes: 8 }, BigInt(value));
  };
  put(R_DEBUG, 1);
  put(R_DEBUG + 8, BASE + MAPS);
  const [first, second] = files.map(
    (file) => file.segments.find(({ type }) => type === PT.DYNAMIC)?.address ?? 0,
  );
  put(MAPS, BASE);
  put(MAPS + 16, BASE + (first ?? 0));
  put(MAPS + 24, BASE + MAPS + 0x40);
  put(MAPS + 0x40, BASE + LIBRARY);
  put(MAPS + 0x50, BASE + LIBRARY + (second ?? 0));
  // DT_DEBUG, where the program's dynamic section has one.
  for (let at = first ?? 0; at > 0 && at < (first ?? 0) + 0x200; at += 16) {
    if (image[at] === 21) put(at + 8, BASE + R_DEBUG);
  }
  return image;
}

export const memory: Target = {
  name: 'memory',
  seeds: (all) => {
    const seeds = named(all, 'pie', 'shared');
    files = seeds.map(({ name, bytes }) => readElf(bytesInMemory(bytes), name));
    return [{ name: 'process', bytes: imageOf(seeds.map(({ bytes }) => bytes)) }];
  },
  mutate: (input, random, others) => {
    // The lists are what is followed; the rest is code.
    const start = random.below(3) === 0 ? 0 : LISTS;
    const part = mutateBytes(input.subarray(start), random, others);
    const result = new Uint8Array(SIZE_BYTES);
    result.set(input.subarray(0, SIZE_BYTES));
    result.set(part.subarray(0, SIZE_BYTES - start), start);
    return result;
  },
  run: (input) => {
    const image = new ImageMemory(input);
    const modules = files.map((file, i) => moduleOf(file, i * LIBRARY, i === 0));
    const facts = readLoaderFacts(modules, image);
    const loaded = modules.map((module) => ({ ...module, loader: facts.get(module) }));
    const symbols = new LiveSymbols(loaded, image, x8664);
    for (const module of loaded) {
      attempt(() => symbols.threads.blockOf(module));
      for (const name of ['twice', 'elsewhere', 'per_thread', 'nowhere'])
        attempt(() => symbols.global(name, module));
    }
  },
};
