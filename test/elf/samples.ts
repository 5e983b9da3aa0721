/** Small ELF files of every kind the readers meet, built by the system's compiler. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const MAIN_C = `
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
static int counter = 7;
int zeroed[4096];
__thread int per_thread = 3;
const char *const words[] = { "one", "two", "three" };
extern int from_helper(int);
__attribute__((weak)) int maybe(void);
static __attribute__((noinline)) int twice(int x) { counter += x; return x * 2 + counter; }
__attribute__((noinline)) int f1(int x) { static int calls; calls++; return twice(x) + per_thread + calls; }
int main(int argc, char **argv) {
  char copy[64];
  memcpy(copy, argv[0], strlen(argv[0]) % 64);
  printf("%s %s %d\\n", copy, words[argc % 3], f1(argc) + from_helper(argc) + zeroed[argc]);
  if (maybe) errno = maybe();
  return fflush(stdout);
}
`;

const HELPER_C = `
static int counter = 1;
static __attribute__((noinline)) int helper_only(int x) { return x - counter++; }
int from_helper(int x) { return helper_only(x) * 3; }
`;

const GROUPS_CC = `
#include <stdexcept>
template <class T> T twice_of(T x) { static T seen; seen += x; if (x < 0) throw std::runtime_error("negative"); return x + seen; }
inline int shared_inline(int x) { return x * 5; }
struct Shape { virtual ~Shape() {} virtual int area() const { return 1; } };
int use(int x) { Shape s; return twice_of(x) + shared_inline(x) + s.area(); }
`;

/** What to pass to the compiler, or a command whose words `$in` and `$out` are replaced. */
const RECIPES = {
  pie: 'gcc -O1 -pie -fPIE -o $out main.c helper.c',
  fixed: 'gcc -O1 -no-pie -fno-pie -o $out main.c helper.c',
  static: 'gcc -O1 -static -o $out main.c helper.c',
  shared: 'gcc -O1 -shared -fPIC -Wl,-soname,libsample.so.1 -Wl,-z,now -o $out helper.c',
  debug: 'gcc -O1 -g -o $out main.c helper.c',
  compressed: 'gcc -O1 -g -gz=zlib -o $out main.c helper.c',
  zstd: 'gcc -O1 -g -Wl,--compress-debug-sections=zstd -o $out main.c helper.c',
  gnuCompressed: 'gcc -O1 -g -gz=zlib-gnu -o $out main.c helper.c',
  gnuHashOnly: 'gcc -O1 -Wl,--hash-style=gnu -o $out main.c helper.c',
  sysvHashOnly: 'gcc -O1 -Wl,--hash-style=sysv -o $out main.c helper.c',
  stripped: 'gcc -O1 -s -o $out main.c helper.c',
  object: 'gcc -O1 -g -c -ffunction-sections -fdata-sections -o $out main.c',
  zstdObject: 'gcc -O1 -g -Wa,--compress-debug-sections=zstd -c -o $out main.c',
  compressedObject: 'gcc -O1 -g -gz=zlib -c -o $out main.c',
  cxxObject: 'g++ -O0 -c -ffunction-sections -o $out groups.cc',
  sharedWithDebug: 'gcc -O1 -g -shared -fPIC -o $out helper.c',
} as const;

export type SampleName = keyof typeof RECIPES;

export interface Samples {
  /** Path of the sample, built at the first request. */
  path(name: SampleName): string;
  bytes(name: SampleName): Uint8Array<ArrayBuffer>;
  /** Compiles `source` by `command`, in which `$in` and `$out` stand for the paths. */
  build(fileName: string, source: string, command: string): string;
  /** A path for a file of the test's own. */
  scratch(fileName: string): string;
  readScratch(fileName: string): Uint8Array;
}

/** Call at the top of a test file: what is built goes away after its tests. */
export function useSamples(): Samples {
  const folder = mkdtempSync(join(tmpdir(), 'hcr-elf-'));
  writeFileSync(join(folder, 'main.c'), MAIN_C);
  writeFileSync(join(folder, 'helper.c'), HELPER_C);
  writeFileSync(join(folder, 'groups.cc'), GROUPS_CC);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (command: string, paths: Record<string, string>): void => {
    const [program = '', ...args] = command.split(' ').map((word) => paths[word] ?? word);
    execFileSync(program, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  const built = new Set<string>();
  const path = (name: SampleName): string => {
    const out = join(folder, `${name}.elf`);
    if (!built.has(name)) {
      run(RECIPES[name], { $out: out });
      built.add(name);
    }
    return out;
  };
  return {
    path,
    bytes: (name) => new Uint8Array(readFileSync(path(name))),
    build(fileName, source, command) {
      const input = join(folder, fileName);
      const out = `${input}.out`;
      writeFileSync(input, source);
      run(command, { $in: input, $out: out });
      return out;
    },
    scratch: (fileName) => join(folder, fileName),
    readScratch: (fileName) => new Uint8Array(readFileSync(join(folder, fileName))),
  };
}
