/**
 * Sound files to damage: tiny programs of the machine's compilers, each built in one of the ways that
 * lead readers along another path. Without the C library an executable has a few kilobytes.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN_C = `
#include "shape.h"
static int counter;
__thread int per_thread = 4;
extern int elsewhere(struct pair *);
const char *const words[] = { "one", "two" };
static inline int innermost(int x) { static int n; n += x; return n * 2; }
static inline int middle(int x) { return innermost(x) + 1; }
__attribute__((noinline)) int twice(int a, const char *s) {
  static int n;
  { static long n = 5; n += a; counter += n; }
  n += middle(a) + s[0];
  return n + counter++;
}
__attribute__((noinline)) pair_t by_value(struct pair p, int (*call)(int, char *), int t[3][4]) {
  pair_t q = { .x = p.x + t[1][2], .bits = 3 };
  return p.y > 2 ? q : (pair_t){ .x = call(p.x, 0) };
}
enum colour { RED, GREEN = 5 };
int choose(enum colour c) { switch (c) { case RED: return per_thread; case GREEN: return words[1][0]; default: return 7; } }
void _start(void) {
  struct pair p = { choose(RED), twice(1, "s") };
  for (;;) elsewhere(&p);
}
`;

const OTHER_C = `
#include "shape.h"
static int counter = 1;
static __attribute__((noinline)) int helper(struct pair *p) { return p->x - counter++; }
int elsewhere(struct pair *p) { return helper(p) * 3; }
`;

const SHAPE_H = `
struct pair { int x, y; unsigned bits : 3; union { long l; char text[8]; } u; struct pair *next; };
typedef struct pair pair_t;
`;

const CLASSES_CC = `
namespace ns {
template <class T> struct Box { T value; static int made; T get() const { return value; } };
template <class T> int Box<T>::made = 3;
struct Base { virtual ~Base(); virtual int area() const { return 1; } };
struct Derived final : Base { int side = 2; int area() const override { return side * side; } };
Base::~Base() {}
int limit;
}
int use(int x) {
  auto add = [x](int y) { return x + y; };
  ns::Derived d;
  ns::Box<long> b{x};
  try { if (x > 3) throw d.side; return add(ns::limit) + b.get() + ns::Box<int>::made; }
  catch (int &caught) { return caught; }
}
`;

const STATIC = '-nostdlib -static -fno-asynchronous-unwind-tables -fno-stack-protector';
const BARE = '-nostdlib -fno-stack-protector';

/** Commands; each makes the file it is named after in its folder. */
const RECIPES: Readonly<Record<string, string>> = {
  pie: `gcc -O1 ${BARE} -pie -fPIE -Wl,--hash-style=both,-z,now main.c other.c -o pie`,
  shared: `gcc -O1 ${BARE} -shared -fPIC -Wl,-soname,lib.so.1,--version-script=versions main.c other.c -o shared`,
  gnuHash: `gcc -O1 ${BARE} -shared -fPIC -Wl,--hash-style=gnu main.c other.c -o gnuHash`,
  sysvHash: `gcc -O1 ${BARE} -shared -fPIC -Wl,--hash-style=sysv main.c other.c -o sysvHash`,
  stripped: `gcc -O1 ${BARE} -s -pie -fPIE main.c other.c -o stripped`,
  fixed: `gcc -O1 ${STATIC} -Wl,--build-id main.c other.c -o fixed`,
  linked: 'gcc -O1 tiny.c -o linked',
  o0: `gcc -O0 -g ${STATIC} main.c other.c -o o0`,
  o2: `gcc -O2 -g ${STATIC} main.c other.c -o o2`,
  dwarf4: `gcc -O2 -gdwarf-4 ${STATIC} main.c other.c -o dwarf4`,
  dwarf3: `gcc -O1 -gdwarf-3 -gstrict-dwarf ${STATIC} main.c other.c -o dwarf3`,
  dwarf64: `gcc -O2 -gdwarf-5 -gdwarf64 ${STATIC} main.c other.c -o dwarf64`,
  typeUnits: `gcc -O2 -g -fdebug-types-section ${STATIC} main.c other.c -o typeUnits`,
  typeUnits4: `gcc -O1 -gdwarf-4 -fdebug-types-section ${STATIC} main.c other.c -o typeUnits4`,
  clang: `clang -O2 -g ${STATIC} main.c other.c -o clang`,
  clang4: `clang -O1 -gdwarf-4 ${STATIC} main.c other.c -o clang4`,
  zlib: `gcc -O2 -g -gz=zlib ${STATIC} main.c other.c -o zlib`,
  zlibGnu: `gcc -O2 -g -gz=zlib-gnu ${STATIC} main.c other.c -o zlibGnu`,
  zstd: `gcc -O2 -g -Wl,--compress-debug-sections=zstd ${STATIC} main.c other.c -o zstd`,
  object: 'gcc -O2 -g -ffunction-sections -fdata-sections -c main.c -o object',
  object4: 'gcc -O1 -gdwarf-4 -fdebug-types-section -c main.c -o object4',
  objectZlib: 'gcc -O0 -g -gz=zlib -c main.c -o objectZlib',
  objectClang: 'clang -O2 -g -ffunction-sections -c main.c -o objectClang',
  objectClasses: 'g++ -O1 -g -ffunction-sections -fdata-sections -c classes.cc -o objectClasses',
  objectClassesClang: 'clang++ -O1 -g -ffunction-sections -c classes.cc -o objectClassesClang',
  split5: `gcc -O2 -gdwarf-5 -gsplit-dwarf -fdebug-types-section ${STATIC} main.c other.c -o split5`,
  split4: `gcc -O2 -gdwarf-4 -gsplit-dwarf ${STATIC} main.c other.c -o split4`,
  splitClang: `clang -O1 -g -gsplit-dwarf ${STATIC} -c main.c other.c`,
  package4: `gcc -O2 -gdwarf-4 -gsplit-dwarf -fdebug-types-section ${STATIC} main.c other.c -o package4`,
  dwz: `gcc -O2 -gdwarf-4 ${STATIC} main.c other.c -o dwz`,
};

/** What further files are made of them, by name of the file. */
const FURTHER: Readonly<Record<string, string>> = {
  'split5.dwo': 'cp split5-main.dwo split5.dwo',
  'split4.dwo': 'cp split4-main.dwo split4.dwo',
  'package4.dwp': 'dwp -e package4 -o package4.dwp',
  'dwz.sup': 'cp dwz dwz2 && dwz -m dwz.sup dwz dwz2',
};

/** The bytes of each, by name. @throws when a compiler is not there */
export function buildSeeds(): ReadonlyMap<string, Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'hcr-fuzz-'));
  try {
    const sources = {
      'main.c': MAIN_C,
      'other.c': OTHER_C,
      'shape.h': SHAPE_H,
      'classes.cc': CLASSES_CC,
      'tiny.c': 'int main(void) { return 0; }',
      versions: 'OLD { global: twice; }; NEW { global: *; local: helper; } OLD;',
    };
    for (const [name, text] of Object.entries(sources)) writeFileSync(join(folder, name), text);
    for (const command of [...Object.values(RECIPES), ...Object.values(FURTHER)]) {
      execFileSync('sh', ['-c', command], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    }
    const wanted = new Set([...Object.keys(RECIPES), ...Object.keys(FURTHER)]);
    return new Map(
      readdirSync(folder)
        .filter((name) => wanted.has(name))
        .map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
