/**
 * Sources that the program was not built from, and names that files of one reload define for each
 * other. What runs then is compared with what a rebuilt program prints.
 */
import { execFile } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readStatus, refusalOf, reload, rollBack } from '../support/hcr.js';
import { type InlineProgram, buildInline } from '../support/inline-program.js';
import type { Target } from '../support/target.js';
import { functionsOf, startWatch } from '../support/watch.js';

const run = promisify(execFile);

const FILES = {
  'main.c': `#include <stdio.h>
#include <time.h>
void show(void);
int main(int argc, char **argv)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    (void)argv;
    for (;;) {
        show();
        putchar('\\n');
        fflush(stdout);
        if (argc > 1)
            return 0;
        nanosleep(&pause, NULL);
    }
}
`,
  'show.c': `#include <stdio.h>
int left(int x);
int right(int x);
void show(void) { printf("%d %d", left(3), right(4)); }
`,
  'left.c': `__attribute__((noipa)) int left(int x) { return x; }
`,
  'right.c': `__attribute__((noipa)) int right(int x) { return x; }
`,
};
const ORIGINAL = /^3 4$/;

const LEFT_CALLS = `int area(int x);
__attribute__((noipa)) int left(int x) { return area(x); }
`;
const AREA = `static int factor = 10;
static int scaled(int x) { return x * factor; }
int area(int x) { return scaled(x) + 1; }
`;

describe('a program that gets new sources', () => {
  let program: InlineProgram;
  let target: Target;

  beforeAll(async () => {
    program = await buildInline(FILES);
    target = await program.start();
  });
  /** Each begins with the program as it was built. Nothing of what was brought is called then. */
  beforeEach(async () => {
    for (const name of readdirSync(program.path))
      if (/\.(c|json)$|^parts$/.test(name)) rmSync(program.at(name), { recursive: true });
    for (const [name, text] of Object.entries(FILES)) program.write(name, text);
    await reload(target.pid, ['left.c', 'right.c'], { cwd: program.path });
    target.lines.skipArrived();
    await target.waitForLine(ORIGINAL);
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    program[Symbol.dispose]();
  });

  /** What the program prints that is built anew from the sources as they are. */
  async function rebuilt(): Promise<string> {
    const sources = readdirSync(program.path).filter((name) => name.endsWith('.c'));
    await program.run('gcc', '-O2', '-o', 'rebuilt', ...sources);
    const { stdout } = await run(program.at('rebuilt'), ['once']);
    return stdout.trim();
  }

  async function expectAsRebuilt(): Promise<void> {
    const line = await rebuilt();
    target.lines.skipArrived();
    await target.waitForLine(new RegExp(`^${line}$`));
  }

  it('runs a new file that an edited one calls, its edits, and the file that it calls in turn', async () => {
    program.write('left.c', LEFT_CALLS);
    program.write('area.c', AREA);
    const report = await reload(target.pid, ['left.c'], { cwd: program.path });
    expect(report.functions.map(({ name }) => name)).toEqual(['left']);
    expect(report.notes.join('\n')).toMatch(/area\.c is new to the program: linked in for area/);
    await expectAsRebuilt();
    program.write('area.c', AREA.replace('+ 1', '+ 2'));
    const edited = await reload(target.pid, ['area.c'], { cwd: program.path });
    expect(edited.functions.map(({ name }) => name)).toEqual(['area']);
    await expectAsRebuilt();
    program.write('deeper.c', 'int deeper(int x) { return x * 1000; }\n');
    program.write(
      'area.c',
      `int deeper(int x);\n${AREA.replace('scaled(x) + 1', 'scaled(x) + deeper(x)')}`,
    );
    await reload(target.pid, ['area.c'], { cwd: program.path });
    await expectAsRebuilt();
    // Back and forth again.
    const { generation } = await readStatus(target.pid);
    await rollBack(target.pid, ['--to', '0']);
    target.lines.skipArrived();
    await target.waitForLine(ORIGINAL);
    await rollBack(target.pid, ['--to', String(generation)]);
    await expectAsRebuilt();
  });

  it('lets files of one reload use what the others define: functions, variables, constants', async () => {
    program.write(
      'left.c',
      `extern int count; extern const char word[]; int of_right(int x);
int of_left(int x) { return x * 7; }
__attribute__((noipa)) int left(int x) { return of_right(x) + count + word[1]; }
`,
    );
    program.write(
      'right.c',
      `int of_left(int x); int count = 5; const char word[] = "word";
int of_right(int x) { return of_left(x) + 1; }
__attribute__((noipa)) int right(int x) { return x + count; }
`,
    );
    const report = await reload(target.pid, [], { cwd: program.path });
    expect(report.functions.map(({ name }) => name).sort()).toEqual(['left', 'right']);
    await expectAsRebuilt();
    // One of them alone finds them where they are now.
    program.edit('left.c', 'word[1];', 'word[2] * 2;');
    await reload(target.pid, ['left.c'], { cwd: program.path });
    await expectAsRebuilt();
  });

  it('compiles a new file by its own entry of compile_commands.json', async () => {
    program.write(
      'left.c',
      'int sized(int);\n__attribute__((noipa)) int left(int x) { return sized(x); }\n',
    );
    program.write('parts/sized.c', 'int sized(int x) { return x * SIZE; }\n');
    const entry = { directory: program.path, file: 'parts/sized.c' };
    program.write(
      'compile_commands.json',
      JSON.stringify([{ ...entry, command: 'gcc -O2 -g -DSIZE=12 -c parts/sized.c' }]),
    );
    await reload(target.pid, ['left.c'], { cwd: program.path });
    target.lines.skipArrived();
    await target.waitForLine(/^36 4$/);
  });

  it('is refused a file with a function that should have run before main', async () => {
    const early = '__attribute__((constructor)) static void early(void) { ready = 7; }\n';
    program.write('early.c', `static int ready;\n${early}int prepared(void) { return ready; }\n`);
    program.write('left.c', 'int prepared(void);\nint left(int x) { return x + prepared(); }\n');
    const refusal = await refusalOf(['reload', target.pid, program.at('left.c')]);
    expect(refusal).toMatchObject({ exitCode: 4, code: 'function-not-patchable' });
    expect(refusal.message).toMatch(/^early .*constructor in .*early\.c/);
  });

  it('keeps a saved file waiting until the file is saved that defines what it calls', async () => {
    await using watch = await startWatch(target.pid);
    // All sources are newer than the program.
    expect(functionsOf(await watch.outcome())).toEqual([]);
    program.write('left.c', LEFT_CALLS.replaceAll('area', 'late'));
    const refused = await watch.outcome();
    expect(refused).toMatchObject({ event: 'refused', error: { code: 'unresolved-symbol' } });
    program.write('late.c', AREA.replaceAll('area', 'late').replace('10', 'oops'));
    expect(await watch.outcome()).toMatchObject({
      event: 'failed',
      error: { code: 'compile-failed' },
    });
    program.write('late.c', AREA.replaceAll('area', 'late'));
    expect(functionsOf(await watch.outcome())).toEqual(['left']);
    target.lines.skipArrived();
    await target.waitForLine(/^31 4$/);
    program.write('late.c', AREA.replaceAll('area', 'late').replace('+ 1', '+ 2'));
    expect(functionsOf(await watch.outcome())).toEqual(['late']);
    await target.waitForLine(/^32 4$/);
  });

  it.each([
    {
      what: 'two new files that define the same',
      files: {
        'one.c': 'int twice(int x) { return x; }\n',
        'two.c': 'int twice(int x) { return x; }\n',
      },
      left: 'int twice(int); int left(int x) { return twice(x); }',
      failure: {
        code: 'function-not-patchable',
        message: expect.stringContaining('twice') as string,
      },
    },
    {
      what: 'a new thread-local variable',
      files: {
        'own.c': '_Thread_local int own_count;\nint own(int x) { return x + own_count; }\n',
      },
      left: 'int own(int); int left(int x) { return own(x); }',
      failure: {
        code: 'unsupported-thread-local',
        message: expect.stringContaining('own_count') as string,
      },
    },
    {
      what: 'a name that no file defines',
      files: { 'user.c': 'int nowhere(int);\nint user(int x) { return nowhere(x); }\n' },
      left: 'int nowhere(int); int left(int x) { return nowhere(x); }',
      failure: { code: 'unresolved-symbol', message: expect.stringContaining('nowhere') as string },
    },
  ])('refuses $what, and leaves the program as it is', async ({ files, left, failure }) => {
    for (const [name, text] of Object.entries(files)) program.write(name, text);
    program.write('left.c', `${left}\n`);
    const refusal = await refusalOf(['reload', target.pid, program.at('left.c')]);
    expect(refusal).toMatchObject({ exitCode: 4, ...failure });
    target.lines.skipArrived();
    await target.waitForLine(ORIGINAL);
  });
});

it('what two files of one name add to a program stays apart', async () => {
  const side = (name: string, body: string, more = ''): string =>
    `${more}__attribute__((noipa)) int ${name}(int x) { ${body} }\n`;
  const files = {
    'main.c': FILES['main.c'],
    'show.c': FILES['show.c'],
    'a/part.c': side(
      'left',
      'return x;',
      'static int kept_a(int x) { return x; }\nint (*use_a)(int) = kept_a;\n',
    ),
    'b/part.c': side(
      'right',
      'return x;',
      'static int kept_b(int x) { return x; }\nint (*use_b)(int) = kept_b;\n',
    ),
  };
  using program = await buildInline(files);
  await using target = await program.start();
  await target.waitForLine(ORIGINAL);
  const added = (factor: number): string =>
    `static int base = ${factor};\n__attribute__((noipa)) static int added(int x) { return x * base; }\n`;
  for (const [name, file, factor] of [
    ['left', 'a/part.c', 10],
    ['right', 'b/part.c', 100],
  ] as const) {
    const text = files[file];
    program.write(
      file,
      added(factor) +
        text.replace(`${name}(int x) { return x;`, `${name}(int x) { return added(x);`),
    );
    await reload(target.pid, [file], { cwd: program.path });
  }
  target.lines.skipArrived();
  await target.waitForLine(/^30 400$/);
});

describe('a C++ program that gets a new source', () => {
  const MAIN = `#include <cstdio>
#include <exception>
#include <string>
#include <unistd.h>
std::string tell(int n);
int main()
{
    for (int n = 0;; n++) {
        try {
            std::printf("%s\\n", tell(n).c_str());
        } catch (const std::exception &e) {
            std::printf("caught %s\\n", e.what());
        }
        std::fflush(stdout);
        usleep(10000);
    }
}
`;
  const tellBy = (declaration: string, value: string): string => `#include <memory>
#include <string>
#include "shape.h"
${declaration}
__attribute__((noipa)) std::string tell(int n) { return ${value}; }
`;
  const FILES_OF_CXX = {
    'main.cpp': MAIN,
    'tell.cpp': tellBy('', 'n < 0 ? "" : "old"'),
    'shape.h': 'struct Shape { virtual ~Shape() {} virtual int area() const = 0; };\n',
  };
  let program: InlineProgram;
  let target: Target;
  beforeAll(async () => {
    program = await buildInline(FILES_OF_CXX, ['-O1', '-g'], 'g++');
    target = await program.start();
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    program[Symbol.dispose]();
  });

  it('calls its virtual functions, catches what they throw, and keeps its static locals', async () => {
    program.write(
      'square.cpp',
      `#include <memory>
#include <stdexcept>
#include <vector>
#include "shape.h"
namespace geo {
static std::vector<int> &seen() { static std::vector<int> all; return all; }
struct Square : Shape {
    int side;
    explicit Square(int s) : side(s) {}
    int area() const override { if (side == 3) throw std::runtime_error("three"); return side * side; }
};
std::unique_ptr<Shape> square(int side)
{
    if (seen().size() < 50) seen().push_back(side);
    return std::make_unique<Square>(side);
}
int count() { return static_cast<int>(seen().size()); }
}
`,
    );
    const declaration = 'namespace geo { std::unique_ptr<Shape> square(int); int count(); }';
    const value = 'std::to_string(geo::square(n % 4)->area()) + " " + std::to_string(geo::count())';
    program.write('tell.cpp', tellBy(declaration, value));
    const report = await reload(target.pid, ['tell.cpp'], { cwd: program.path });
    expect(report.notes.join('\n')).toMatch(/linked in for .*geo::square\(int\)/);
    await target.waitForLine(/^caught three$/);
    await target.waitForLine(/^4 50$/);
  });

  it('is refused an object that would have to be constructed before main', async () => {
    program.write(
      'name.cpp',
      '#include <string>\nstd::string made(3, char(97));\nstd::string named() { return made; }\n',
    );
    program.write('tell.cpp', tellBy('std::string named();', 'named() + std::to_string(n)'));
    const refusal = await refusalOf(['reload', target.pid, program.at('tell.cpp')]);
    expect(refusal).toMatchObject({ exitCode: 4, code: 'function-not-patchable' });
    expect(refusal.message).toMatch(/^named\(\).* made, a new object/);
  });
});
