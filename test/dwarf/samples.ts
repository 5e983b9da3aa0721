/** Small programs with debug information of every kind the readers meet, built by gcc. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type DebugInfo, openDebugInfo } from '../../src/dwarf/debug-info.js';
import type { FunctionEntry } from '../../src/dwarf/functions.js';
import type { Unit } from '../../src/dwarf/unit.js';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { openObjectDebugInfo } from '../../src/dwarf/object-debug-info.js';
import { EM } from '../../src/elf/constants.js';
import { openElf } from '../../src/elf/elf-file.js';
import { openObjectFile } from '../../src/elf/object-file.js';

export const MAIN_C = `
#include "shapes.h"
static int counter;
__thread int per_thread = 4;
__thread int per_thread_too;
int exported = 3;
extern int from_other(struct pair *), puts(const char *);
const char *const words[] = { "one", "two" };
static inline int innermost(int x) { static int n; n += x; return n * 2; }
static inline int middle(int x) { return innermost(x) + 1; }
__attribute__((noinline)) int twice_named(int a, const char *s) {
  static int n;
  { static long n = 5; n += a; counter += n; }
  n += middle(a) + s[0];
  return n + counter++;
}
__attribute__((noinline)) int variadic(const char *format, ...) { return format[0]; }
__attribute__((noinline)) pair_t by_value(struct pair p, int (*callback)(int, char *), int table[3][4]) {
  p.a += callback ? callback(p.f, 0) : table[0][1];
  return p;
}
__attribute__((noinline)) static int unused_parameter(int used, int unused) { return used * 3; }
__attribute__((noinline)) void nothing(void) { per_thread++; per_thread_too += per_thread; }
__attribute__((noinline, cold)) void rarely(const char *word) { nothing(); puts(word); }
__attribute__((noinline)) int partly_cold(int x) {
  for (int i = 0; i < x; i++) {
    if (x > 1000) { rarely(words[i & 1]); rarely("twice"); x -= 3; }
    exported += i;
  }
  return x + exported;
}
int main(int argc, char **argv) {
  struct pair p = { argc, 1, 2, 3 };
  p = by_value(p, 0, (int (*)[4])argv);
  nothing();
  return twice_named(argc, argv[0]) + middle(3) + variadic("x", 1) + exported + from_other(&p)
    + unused_parameter(argc, 7) + partly_cold(argc);
}
`;

export const SHAPES_H = `
struct pair { int a; long b; unsigned f : 3; unsigned g : 5; };
typedef struct pair pair_t;
union word { int i; float f; char bytes[4]; };
enum colour { red, green = 7 };
struct nested {
  char tag;
  union word w;
  struct { short x, y; } point;
  struct nested *next;
  enum colour colour;
  int matrix[2][3];
  unsigned long long wide : 40, narrow : 3;
  char flexible[];
};
static inline int from_header(struct pair *p) { static int calls; calls++; return p->a + calls; }
`;

export const OTHER_C = `
#include "shapes.h"
static int counter = 1;
struct nested everything;
_Bool flag; double ratio; unsigned char bytes[7];
volatile int *const volatile_pointer = 0;
int (*handlers[2])(struct nested *, enum colour);
__attribute__((noinline)) static int same_name(int x) { static int n; return n += x; }
int from_other(struct pair *p) {
  everything.point.x += flag + (int)ratio + bytes[0];
  return from_header(p) + same_name(counter++);
}
`;

const CLASSES_CC = `
namespace outer {
namespace { int hidden; }
enum class Small : short { a, b };
struct Base { int base; virtual ~Base() {} };
struct Derived : Base {
  int own;
  static int shared;
  Derived(int x) : own(x) {}
  int method(int x) const;
  template <class T> T generic(T x) { static int seen; return x + seen++; }
};
int Derived::shared = 3;
__attribute__((noinline)) int Derived::method(int x) const { static int n; return x + n++ + own; }
__attribute__((noinline)) int overloaded(int a) { static int z; return z += a; }
__attribute__((noinline)) int overloaded(long a, Small s) { static int z; return z += a + (int)s; }
inline int implicit(int a) { static int z; return z += a; }
thread_local int per_thread = 5;
}
int use(outer::Derived by_value, outer::Derived &reference, int (outer::Derived::*member)(int) const) {
  struct Local { static int inside(int a) { static int k; return k += a; } };
  auto lambda = [](int x) { static int w; return w += x; };
  return (by_value.*member)(1) + reference.generic(3) + reference.generic(3.0) + outer::implicit(3)
    + Local::inside(3) + lambda(4) + outer::hidden++ + outer::per_thread++;
}
int main() {
  outer::Derived d(4);
  return use(d, d, &outer::Derived::method) + outer::overloaded(3)
    + outer::overloaded(3, outer::Small::a) + outer::Derived::shared;
}
`;

const C = 'main.c other.c';

/** Arguments of the compiler. */
const RECIPES = {
  o0: `gcc -O0 -g ${C}`,
  o2: `gcc -O2 -g ${C}`,
  os: `gcc -Os -g ${C}`,
  dwarf4: `gcc -O2 -gdwarf-4 ${C}`,
  dwarf4O0: `gcc -O0 -gdwarf-4 ${C}`,
  dwarf3: `gcc -O2 -gdwarf-3 -gstrict-dwarf ${C}`,
  dwarf64: `gcc -O2 -gdwarf-5 -gdwarf64 ${C}`,
  dwarf64Version4: `gcc -O1 -gdwarf-4 -gdwarf64 ${C}`,
  compressed: `gcc -O2 -g -gz ${C}`,
  fixed: `gcc -O2 -g -no-pie -fno-pie ${C}`,
  sections: `gcc -O2 -g -ffunction-sections -Wl,--gc-sections ${C}`,
  typeUnits: `gcc -O2 -g -fdebug-types-section ${C}`,
  lto: `gcc -O2 -g -flto ${C}`,
  split: `gcc -O2 -g -gsplit-dwarf ${C}`,
  none: `gcc -O2 ${C}`,
  classes: 'g++ -O2 -g classes.cc',
  classesO0: 'g++ -O0 -g classes.cc',
  classesDwarf4: 'g++ -O1 -gdwarf-4 classes.cc',
  object: 'gcc -O2 -g -ffunction-sections -fdata-sections -c main.c',
  objectDwarf4: 'gcc -O2 -gdwarf-4 -ffunction-sections -fdata-sections -c main.c',
  objectCompressed: 'gcc -O0 -g -gz -c main.c',
  objectTypeUnits: 'gcc -O2 -g -fdebug-types-section -c main.c',
  objectClasses: 'g++ -O2 -g -ffunction-sections -fdata-sections -c classes.cc',
} as const;

export type SampleName = keyof typeof RECIPES;

export interface Samples {
  readonly folder: string;
  /** Path of the sample, built at the first request. */
  path(name: SampleName): string;
  /** Its debug information, which it has. */
  debugInfo(name: SampleName): DebugInfo;
  /** Its unit of that source. */
  unit(name: SampleName, source: string): Unit;
  /** The function with a body of that name, or else the first. */
  function(name: SampleName, source: string, functionName: string): FunctionEntry;
  /** Debug information of any file that has some. */
  open(path: string): DebugInfo;
  /** As {@link open}, of an object file. */
  openObject(path: string): DebugInfo;
  /** Compiles other text: `args` end in `-o` and the result's path. */
  build(fileName: string, text: string, ...args: string[]): string;
}

/** Puts the sources of all samples into a folder. */
export function writeSources(folder: string): void {
  const sources = {
    'main.c': MAIN_C,
    'other.c': OTHER_C,
    'shapes.h': SHAPES_H,
    'classes.cc': CLASSES_CC,
  };
  for (const [name, text] of Object.entries(sources)) writeFileSync(join(folder, name), text);
}

/** Call at the top of a test file: what is built goes away after its tests. */
export function useSamples(): Samples {
  const folder = mkdtempSync(join(tmpdir(), 'hcr-dwarf-'));
  writeSources(folder);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const compile = (args: readonly string[], out: string): void => {
    const [program = '', ...rest] = args;
    execFileSync(program, [...rest, '-o', out], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  };
  const built = new Set<string>();
  const path = (name: SampleName): string => {
    const out = join(folder, `${name}.elf`);
    if (!built.has(name)) compile(RECIPES[name].split(' '), out);
    built.add(name);
    return out;
  };
  const open = (file: string): DebugInfo => {
    const info = openDebugInfo(openElf(file));
    if (info === undefined) throw new Error(`${file} has no debug information`);
    return info;
  };
  const debugInfo = (name: SampleName): DebugInfo => open(path(name));
  const unit = (name: SampleName, source: string): Unit => {
    const found = [...debugInfo(name).units()].find((candidate) => candidate.name === source);
    if (found === undefined) throw new Error(`${name} has no unit ${source}`);
    return found;
  };
  return {
    folder,
    path,
    open,
    openObject: (file) => {
      const debug = openObjectDebugInfo(openObjectFile(file, EM.X86_64), x8664.relocations);
      if (debug === undefined) throw new Error(`${file} has no debug information`);
      return debug.info;
    },
    debugInfo,
    unit,
    function: (name, source, functionName) => {
      const all = unit(name, source).functions();
      const named = all.filter((entry) => entry.name === functionName);
      const found = named.find((entry) => entry.entry !== undefined) ?? named[0];
      if (found === undefined) throw new Error(`${name} has no function ${functionName}`);
      return found;
    },
    build: (fileName, text, ...args) => {
      const out = join(folder, `${fileName}.out`);
      writeFileSync(join(folder, fileName), text);
      compile([...args, fileName], out);
      return out;
    },
  };
}
