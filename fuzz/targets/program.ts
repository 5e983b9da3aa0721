/** A program as hcr goes through it: symbols, functions, inlined copies, types, lines. */
import { ElfFile, readElf } from '../../src/elf/elf-file.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import { openDebugInfo } from '../../src/dwarf/debug-info.js';
import { mutateElf } from '../mutate-elf.js';
import { type Target, attempt } from '../target.js';
import { askDebugInfo } from './ask-debug.js';
import { named } from './seed-choice.js';

function askProgram(input: Uint8Array): void {
  const elf = readElf(bytesInMemory(input), 'damaged');
  const symbols = attempt(() => elf.symbols());
  if (symbols !== undefined) attempt(() => symbols.findByName('twice'));
  const info = openDebugInfo(elf);
  if (info !== undefined) askDebugInfo(info);
}

export const program: Target = {
  name: 'program',
  seeds: (all) =>
    named(
      all,
      ...['o0', 'o2', 'dwarf4', 'dwarf3', 'dwarf64', 'typeUnits', 'typeUnits4', 'clang', 'clang4'],
    ),
  mutate: mutateElf,
  run: askProgram,
};

export const compressed: Target = {
  name: 'compressed',
  seeds: (all) => named(all, 'zlib', 'zlibGnu', 'zstd'),
  mutate: mutateElf,
  run: askProgram,
};

/** Programs that are sound, by the file beside them that is not. */
let programs: ReadonlyMap<string, Uint8Array> = new Map();

/** A file beside a program, that its debug information was moved to. */
export const split: Target = {
  name: 'split',
  seeds: (all) => {
    programs = new Map(
      named(all, 'split5', 'split4', 'package4', 'dwz').map(({ name, bytes }) => [name, bytes]),
    );
    return named(all, 'split5.dwo', 'split4.dwo', 'package4.dwp', 'dwz.sup');
  },
  mutate: mutateElf,
  run: (input) => {
    const beside = (): ElfFile => readElf(bytesInMemory(input), 'beside');
    // Which one it belongs to is not asked: each has to stand a file of any kind.
    for (const [name, sound] of programs) {
      attempt(() => {
        const elf = new ElfFile(bytesInMemory(sound), name, () => ({
          separate: () => undefined,
          supplementary: () => (name === 'dwz' ? { name: 'beside', file: beside() } : undefined),
          package: () => (name === 'package4' ? beside() : undefined),
          splitFiles: () => (name.startsWith('split') ? [beside()] : []),
          [Symbol.dispose]: () => undefined,
        }));
        const info = openDebugInfo(elf);
        if (info !== undefined) askDebugInfo(info);
      });
    }
  },
};
