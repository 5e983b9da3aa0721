/** Damaged copies of real files: every reader answers or says `malformed-file`, and ends. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { vaddr } from '../../src/core/address.js';
import { isHcrError } from '../../src/core/failure.js';
import { type DebugInfo, openDebugInfo } from '../../src/dwarf/debug-info.js';
import { openObjectDebugInfo } from '../../src/dwarf/object-debug-info.js';
import { signatureOf } from '../../src/dwarf/signature.js';
import { EM } from '../../src/elf/constants.js';
import { type CompanionFiles, ElfFile, readElf } from '../../src/elf/elf-file.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import { readObjectFile } from '../../src/elf/object-file.js';
import { type SampleName, useSamples, writeSources } from './samples.js';
import { workedMs } from '../support/worked-ms.js';

const samples = useSamples();

/** Generous for a loaded machine; a sound file takes a few milliseconds. */
const LONGEST_MS = 10_000;

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (
      isHcrError(error, 'malformed-file') ||
      isHcrError(error, 'unsupported-relocation') ||
      isHcrError(error, 'debug-file-missing')
    ) {
      return undefined;
    }
    throw error;
  }
}

function askEverything(info: DebugInfo): void {
  for (const unit of attempt(() => [...info.units()]) ?? []) {
    for (const ask of [
      () => [unit.name, unit.compDir, unit.producer, unit.language],
      () => unit.ranges,
      () => unit.files(),
      () => unit.includeDirectories(),
      () => unit.lineOf(vaddr(0x1200)),
      () => unit.inlinedCopies(),
      () => unit.functionAt(vaddr(0x1200)),
    ]) {
      attempt<unknown>(ask);
    }
    for (const entry of attempt(() => unit.functions()) ?? []) {
      attempt(() => signatureOf(entry));
      attempt(() => entry.ranges());
    }
    for (const variable of attempt(() => unit.variables()) ?? []) {
      attempt(() => [variable.typeText, variable.sizeBytes, variable.scopePath]);
    }
  }
  for (const address of [0, 0x1040, 0x1200, 0x401100, 2 ** 47]) {
    attempt(() => info.unitForAddress(vaddr(address)));
  }
}

function ask(bytes: Uint8Array, name: string): void {
  attempt(() => {
    if (name.startsWith('object')) {
      const object = readObjectFile(bytesInMemory(bytes), EM.X86_64, name);
      const debug = openObjectDebugInfo(object, x8664.relocations);
      if (debug) askEverything(debug.info);
    } else {
      const info = openDebugInfo(readElf(bytesInMemory(bytes), name));
      if (info) askEverything(info);
    }
  });
}

const SUBJECTS: readonly SampleName[] = [
  'o0',
  'o2',
  'dwarf4',
  'dwarf3',
  'dwarf64',
  'sections',
  'typeUnits',
  'lto',
  'split',
  'classes',
  'object',
  'objectClasses',
];

test.each(SUBJECTS)('survives flipped bytes in the debug sections of %s', (name) => {
  const sound = new Uint8Array(readFileSync(samples.path(name)));
  const elf = readElf(bytesInMemory(sound), name);
  const sections = elf.sections.filter((s) => s.name.startsWith('.debug_') && s.sizeBytes > 0);
  expect(sections.length).toBeGreaterThan(3);
  const flip = fc.record({
    section: fc.constantFrom(...sections),
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    byte: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 })),
  });
  fc.assert(
    fc.property(fc.array(flip, { minLength: 1, maxLength: 12 }), (flips) => {
      const bytes = sound.slice();
      for (const { section, at, byte } of flips) {
        bytes[section.offset + Math.floor(at * section.sizeBytes)] = byte;
      }
      const start = workedMs();
      ask(bytes, name);
      expect(workedMs() - start).toBeLessThan(LONGEST_MS);
    }),
    { numRuns: 60 },
  );
});

test.each(['o2', 'dwarf4', 'object'] as const)('survives %s cut short anywhere', (name) => {
  const sound = new Uint8Array(readFileSync(samples.path(name)));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: sound.length }), (length) => {
      ask(sound.subarray(0, length), name);
    }),
    { numRuns: 40 },
  );
});

/** A program, and one file beside it that its debug information was moved to. */
const BESIDE = [
  { name: '.dwo of version 4', flags: '-gdwarf-4 -gsplit-dwarf', then: 'cp p-main.dwo beside' },
  {
    name: '.dwo of version 5 with types apart',
    flags: '-gdwarf-5 -gsplit-dwarf -fdebug-types-section',
    then: 'cp p-main.dwo beside',
  },
  {
    name: 'package',
    flags: '-gdwarf-4 -gsplit-dwarf -fdebug-types-section',
    then: 'dwp -e p -o beside',
  },
  { name: 'file shared by dwz', flags: '-gdwarf-4', then: 'cp p q; dwz -m beside p q' },
] as const;

test.each(BESIDE)('survives flipped bytes in a $name', ({ name, flags, then }) => {
  const at = mkdtempSync(join(samples.folder, 'beside-'));
  writeSources(at);
  const build = `gcc -O2 ${flags} main.c other.c -o p && { ${then}; }`;
  execFileSync('sh', ['-c', build], { cwd: at, stdio: 'ignore' });
  const program = new Uint8Array(readFileSync(join(at, 'p')));
  const sound = new Uint8Array(readFileSync(join(at, 'beside')));
  const openWith = (bytes: Uint8Array): DebugInfo | undefined => {
    const beside = () => readElf(bytesInMemory(bytes), 'beside');
    const companions: CompanionFiles = {
      separate: () => undefined,
      supplementary: () => (name.endsWith('dwz') ? { name: 'beside', file: beside() } : undefined),
      package: () => (name === 'package' ? beside() : undefined),
      splitFiles: () => (name.startsWith('.dwo') ? [beside()] : []),
      [Symbol.dispose]: () => undefined,
    };
    return openDebugInfo(new ElfFile(bytesInMemory(program), 'p', () => companions));
  };
  expect([...(openWith(sound)?.units() ?? [])].length).toBeGreaterThan(0);
  const sections = readElf(bytesInMemory(sound), name).sections.filter(
    (s) => s.name.startsWith('.debug_') && s.sizeBytes > 0,
  );
  const flip = fc.record({
    section: fc.constantFrom(...sections),
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    byte: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 })),
  });
  fc.assert(
    fc.property(fc.array(flip, { minLength: 1, maxLength: 6 }), (flips) => {
      const bytes = sound.slice();
      for (const { section, at: place, byte } of flips) {
        bytes[section.offset + Math.floor(place * section.sizeBytes)] = byte;
      }
      const started = workedMs();
      attempt(() => {
        const info = openWith(bytes);
        if (info) askEverything(info);
      });
      expect(workedMs() - started).toBeLessThan(LONGEST_MS);
    }),
    { numRuns: 100 },
  );
});
