import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isHcrError } from '../../src/core/failure.js';
import { readCallFrames } from '../../src/dwarf/call-frames.js';
import { openElf } from '../../src/elf/elf-file.js';
import { readelf, rows } from './oracles.js';

const SOURCE = `
#include <stdexcept>
struct Guard { ~Guard(); };
int refuse(int x) { if (x > 3) throw std::runtime_error("no"); return x; }
int pass(int x) { Guard guard; return refuse(x) + 1; }
int handle(int x) { try { return pass(x); } catch (const std::exception &) { return -1; } }
template <typename T> T twice(T x) { Guard guard; return refuse(x) + x; }
template int twice<int>(int);
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hcr-frames-'));
  writeFileSync(join(folder, 'source.cpp'), SOURCE);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function compile(compiler: string, flags: readonly string[]): string {
  const path = join(folder, `${compiler}${flags.join('')}.o`);
  execFileSync(compiler, [...flags, '-c', '-o', path, join(folder, 'source.cpp')]);
  return path;
}

function frameBytes(path: string): Uint8Array {
  using elf = openElf(path, path);
  const section = elf.section('.eh_frame');
  if (section === undefined) throw new Error('no .eh_frame');
  return elf.sectionBytes(section);
}

describe.each([
  { compiler: 'g++', flags: ['-O2'] },
  { compiler: 'g++', flags: ['-O0', '-fno-pie'] },
  { compiler: 'g++', flags: ['-O2', '-mcmodel=large', '-fPIC'] },
  { compiler: 'clang++', flags: ['-O2', '-ffunction-sections'] },
])('call frames of $compiler $flags', ({ compiler, flags }) => {
  it('are the entries that readelf lists, with their sizes', () => {
    const path = compile(compiler, flags);
    const listed = rows(
      readelf(path, '--debug-dump=frames'),
      /^([0-9a-f]{8}) ([0-9a-f]{8,16}) [0-9a-f]{8} (CIE|FDE)(?: cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+))?/,
    ).map(([offset = '', length = '', kind = '', cie = '', start = '', end = '']) => ({
      offset: Number.parseInt(offset, 16),
      lengthBytes: Number.parseInt(length, 16),
      kind: kind.toLowerCase(),
      ...(kind === 'FDE'
        ? {
            cie: Number.parseInt(cie, 16),
            codeBytes: Number.parseInt(end, 16) - Number.parseInt(start, 16),
          }
        : {}),
    }));
    const read = readCallFrames(frameBytes(path), true, path).map((entry) => ({
      offset: entry.offset,
      lengthBytes: entry.sizeBytes - 4,
      kind: entry.kind,
      ...(entry.kind === 'fde' ? { cie: entry.cie.offset, codeBytes: entry.codeBytes } : {}),
    }));
    expect(read).toEqual(listed);
    expect(read.filter(({ kind }) => kind === 'fde').length).toBeGreaterThan(2);
  });

  it('tell where exceptions are handled', () => {
    const path = compile(compiler, flags);
    const names = readelf(path, '--relocs').join('\n');
    expect(names).toContain('__gxx_personality_v0');
    const cies = readCallFrames(frameBytes(path), true, path).filter(({ kind }) => kind === 'cie');
    expect(cies.map((cie) => cie.kind === 'cie' && cie.hasPersonality)).toContain(true);
  });
});

describe('damaged call frames', () => {
  it('end in a typed failure', () => {
    const whole = frameBytes(compile('g++', ['-O2']));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.nat(whole.length),
        (changes, length) => {
          const bytes = whole.slice(0, length);
          for (const [at, byte] of changes) if (at < length) bytes[at] = byte;
          try {
            readCallFrames(bytes, true, 'damaged');
          } catch (error) {
            expect(isHcrError(error, 'malformed-file')).toBe(true);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
