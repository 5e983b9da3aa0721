import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isHcrError } from '../../src/core/failure.js';
import {
  listThreads,
  mappingAt,
  parseMaps,
  parseStatus,
  readCommandLine,
  readMaps,
  readProcessStatus,
  readThreadStatus,
} from '../../src/ptrace/procfs.js';
import { pid } from '../../src/core/address.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { Programs, buildProgram } from './traced-program.js';

const MAPPER = `
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    int file = open(argv[i], O_RDWR | O_CREAT, 0600);
    if (ftruncate(file, 8192) || mmap(0, 8192, PROT_READ, MAP_SHARED, file, 0) == MAP_FAILED) return 1;
    close(file);
  }
  puts("ready");
  fflush(stdout);
  pause();
}`;

const programs = new Programs();
let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
  shop.write('mapper.c', MAPPER);
  shop.run('gcc', '-o', 'mapper', 'mapper.c');
  buildProgram(shop, 'crowd');
});
afterEach(() => programs.endAll());
afterAll(() => shop[Symbol.dispose]());

async function mapping(...paths: string[]) {
  const program = await programs.start(shop.path('mapper'), ...paths);
  await program.lines.waitFor(/ready/);
  return program;
}

const NOBODY = pid(4_194_304 - 1);

describe('parseMaps', () => {
  it('reads every line of every process that can be read', () => {
    let processes = 0;
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      let text: string;
      try {
        text = readFileSync(`/proc/${name}/maps`, 'utf8');
      } catch {
        continue;
      }
      processes++;
      const lines = text.split('\n').filter((line) => line !== '' && !line.endsWith('[vsyscall]'));
      const mappings = parseMaps(text);
      expect(mappings.length).toBe(lines.length);
      mappings.forEach((found, i) => {
        const [range = '', mode, offset = '', device, inode] = (lines[i] ?? '').split(' ');
        const flag = (on: boolean, letter: string): string => (on ? letter : '-');
        expect(`${found.start.toString(16)}-${found.end.toString(16)}`).toBe(
          range
            .split('-')
            .map((part) => part.replace(/^0+(?=.)/, ''))
            .join('-'),
        );
        expect(
          flag(found.readable, 'r') +
            flag(found.writable, 'w') +
            flag(found.executable, 'x') +
            (found.isPrivate ? 'p' : 's'),
        ).toBe(mode);
        expect(found.fileOffset).toBe(Number(`0x${offset}`));
        expect(found.device).toBe(device);
        expect(found.inode).toBe(Number(inode));
      });
    }
    expect(processes).toBeGreaterThan(0);
  });

  it.each([
    ['with spaces', ' a  b .txt'],
    ['with a line break', 'two\nlines'],
    ['that looks like another line', 'x\n00400000-00401000 r-xp 00000000 00:00 0 y'],
    ['of other scripts', 'Grüße-日本.so'],
    ['that ends in a space', 'end '],
    ['with tabs and quotes', 'a\t"b"'],
  ])('reads a path %s as the kernel names it in map_files', async (_, name) => {
    const path = shop.path(name);
    const { pid: process } = await mapping(path);
    const found = readMaps(process).find((candidate) => candidate.path === path);
    expect(found).toBeDefined();
    expect(found?.deleted).toBe(false);
    const range = `${found?.start.toString(16)}-${found?.end.toString(16)}`;
    expect(readlinkSync(`/proc/${process}/map_files/${range}`)).toBe(path);
  });

  it('tells a deleted file from one that is there, and gives its path without the remark', async () => {
    const path = shop.path('doomed');
    const { pid: process } = await mapping(path);
    shop.run('rm', path);
    const found = readMaps(process).find((candidate) => candidate.path === path);
    expect(found?.deleted).toBe(true);
  });

  it('leaves out [vsyscall], whose address is too large, and lines that make no sense', () => {
    const text = [
      '00400000-00401000 r--p 00000000 fe:01 12 /bin/prog',
      'nonsense',
      '',
      'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]',
    ].join('\n');
    expect(parseMaps(text).map(({ path }) => path)).toEqual(['/bin/prog']);
  });
});

describe('parseStatus', () => {
  it('takes what is no set of capabilities for none', () => {
    const permitted = (set: string): bigint =>
      parseStatus(`State:\tS (sleeping)\nCapPrm:\t${set}\nCapEff:\t0\n`).credentials
        .permittedCapabilities;
    expect(permitted('0000000000004001')).toBe(0x4001n);
    for (const set of ['', 'g', '0x40', '-1']) expect(permitted(set)).toBe(0n);
  });
});

describe('mappingAt', () => {
  it('finds the mapping of an address as a walk over all of them does', () => {
    const gaps = fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 3 })), { maxLength: 8 });
    fc.assert(
      fc.property(gaps, fc.nat(60), (list, address) => {
        let at = 0;
        const lines = list.map(([gap, pages]) => {
          const start = at + gap;
          at = start + pages;
          return `${start.toString(16)}-${at.toString(16)} r--p 00000000 00:00 0 `;
        });
        const mappings = parseMaps(lines.join('\n'));
        const expected = mappings.find(({ start, end }) => address >= start && address < end);
        expect(mappingAt(mappings, address)).toBe(expected);
      }),
    );
  });
});

describe('what /proc says of a process', () => {
  it('are its threads, its state and its command line', async () => {
    const { pid: process, lines } = await programs.start(shop.path('crowd'), '5');
    await lines.waitFor(/ready/);
    expect(listThreads(process)).toHaveLength(6);
    const status = readProcessStatus(process);
    expect(status).toMatchObject({ name: 'crowd', threadGroup: process, tracerPid: 0, threads: 6 });
    expect(readCommandLine(process)).toEqual([shop.path('crowd'), '5']);
    for (const tid of listThreads(process)) {
      expect(readThreadStatus(process, tid)?.threadGroup).toBe(process);
    }
  });

  it('is a typed failure for one that is not there', () => {
    for (const read of [readMaps, readProcessStatus, readCommandLine]) {
      let failure: unknown;
      try {
        read(NOBODY);
      } catch (error) {
        failure = error;
      }
      expect(isHcrError(failure, 'no-such-process')).toBe(true);
    }
    expect(listThreads(NOBODY)).toEqual([]);
  });
});
