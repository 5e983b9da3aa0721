/** Text from a process, a build or a binary. The first byte of an input tells what it is. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sortCompileArguments } from '../../src/build/compile-arguments.js';
import { readEntriesFor } from '../../src/build/compile-commands.js';
import { parseDependencyRule } from '../../src/build/dependencies.js';
import { parseProducer } from '../../src/build/producer-flags.js';
import { expandResponseFiles } from '../../src/build/response-file.js';
import { quoteShellWords, splitShellWords } from '../../src/build/shell-words.js';
import { parseWantedName, templateName } from '../../src/dwarf/source-name.js';
import { readLibraryCache } from '../../src/ptrace/installed-libraries.js';
import { parseMaps, parseStatus } from '../../src/ptrace/procfs.js';
import { isHcrError } from '../../src/core/failure.js';
import { mutateBytes } from '../mutate-bytes.js';
import { type Seed, type Target, attempt } from '../target.js';

const MAPS = `55d0c0e4f000-55d0c0e51000 r--p 00000000 fe:01 1234   /usr/bin/app (deleted)
7f1a2b3c4000-7f1a2b3c6000 rw-p 00000000 00:00 0 
7ffd1c0a0000-7ffd1c0c1000 rw-p 00000000 00:00 0 [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
`;
const STATUS = `Name:\tapp\nState:\tS (sleeping)\nTgid:\t7\nTracerPid:\t0\nUid:\t0\t0\t0\t0
Threads:\t1\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000004000\nSigBlk:\t0000000000010000
SigIgn:\t0000000000000004\nSeccomp:\t0\nx86_Thread_features:\tshstk\n`;
const PRODUCERS = [
  'GNU C17 12.2.0 -mtune=generic -march=x86-64 -g -O2 -fPIC --param max-inline-insns-single=2',
  'Debian clang version 14.0.6 -O2 -D NAME=1 -I /usr/include\\ x -fplugin=evil.so -B/tmp @file',
];

/** `CACHE_MAGIC_NEW` with two libraries. @see glibc sysdeps/generic/dl-cache.h */
function libraryCache(): Buffer {
  const names = ['libc.so.6', '/lib/libc.so.6', 'libm.so.6', '/lib/libm.so.6'];
  const header = Buffer.alloc(48);
  header.write('glibc-ld.so.cache1.1', 'latin1');
  header.writeUInt32LE(2, 20);
  const start = 48 + 2 * 24;
  const entries = [0, 1].map((i) => {
    const entry = Buffer.alloc(24);
    const at = (index: number): number =>
      start + names.slice(0, index).reduce((sum, name) => sum + name.length + 1, 0);
    entry.writeUInt32LE(at(2 * i), 4);
    entry.writeUInt32LE(at(2 * i + 1), 8);
    return entry;
  });
  return Buffer.concat([header, ...entries, Buffer.from(`${names.join('\0')}\0`)]);
}

/** For readers that take a path: the file is there for as long as one reads. */
function inFile(name: string, read: (path: string) => unknown): Reader['read'] {
  return (bytes) => {
    const folder = mkdtempSync(join(tmpdir(), 'hcr-fuzz-'));
    try {
      const path = join(folder, name);
      writeFileSync(path, bytes);
      return read(path);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** Quotes that are not closed are the user's. */
function shellWords(text: string): void {
  try {
    const words = splitShellWords(text);
    const again = splitShellWords(quoteShellWords(words));
    if (again.join('\0') !== words.join('\0')) throw new Error('quoted words are others');
    sortCompileArguments(words);
  } catch (error) {
    if (!isHcrError(error, 'usage')) throw error;
  }
}

interface Reader {
  readonly seeds: readonly (string | Uint8Array)[];
  readonly read: (bytes: Uint8Array) => unknown;
}

const READERS: readonly Reader[] = [
  { seeds: [MAPS], read: (bytes) => parseMaps(textOf(bytes)) },
  { seeds: [STATUS], read: (bytes) => parseStatus(Buffer.from(bytes).toString('latin1')) },
  { seeds: PRODUCERS, read: (bytes) => parseProducer(textOf(bytes)) },
  {
    seeds: [`gcc -c "a b.c" -o 'x y.o' -DNAME=\\"v\\" -I.. @flags`],
    read: (bytes) => {
      shellWords(textOf(bytes));
    },
  },
  {
    seeds: ['-O2 -c @words \'a b\' \\x "q" @words'],
    read: inFile('words', (path) =>
      expandResponseFiles(['cc', '@words', `@${path}`], join(path, '..')),
    ),
  },
  {
    seeds: ['unit: a.c b\\ c.h \\\n d$$e.h \\# x'],
    read: (bytes) => parseDependencyRule(textOf(bytes)),
  },
  {
    seeds: [
      '[{"directory":"/src","file":"a.c","command":"cc -c a.c","output":"a.o"},{"file":"a.c","arguments":["cc","-c","a.c"]}]',
    ],
    read: inFile('compile_commands.json', (path) => readEntriesFor(path, '/src/a.c')),
  },
  { seeds: [libraryCache()], read: (bytes) => readLibraryCache(bytes) },
  {
    seeds: ['ns::Box<std::pair<int, long>>::get(int (*)(char)) const', 'a.c:f', 'operator<<(int)'],
    read: (bytes) => [parseWantedName(textOf(bytes)), templateName(textOf(bytes))],
  },
];

export const text: Target = {
  name: 'text',
  seeds: () =>
    READERS.flatMap(({ seeds }, index) =>
      seeds.map(
        (seed): Seed => ({
          name: `text ${index}`,
          bytes: Uint8Array.from([index, ...Buffer.from(seed)]),
        }),
      ),
    ),
  mutate: (input, random, others) => {
    const [kind = 0] = input;
    const damaged = mutateBytes(input.subarray(1), random, others);
    return Uint8Array.from([kind, ...damaged]);
  },
  run: (input) => {
    const reader = READERS[(input[0] ?? 0) % READERS.length];
    attempt(() => reader?.read(input.subarray(1)));
  },
};
