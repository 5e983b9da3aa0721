import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDebugInfo } from '../../src/dwarf/debug-info.js';
import type { FunctionEntry } from '../../src/dwarf/functions.js';
import {
  isCalled,
  parseWantedName,
  sourceLabel,
  templateName,
} from '../../src/dwarf/source-name.js';
import { type ElfFile, openElf } from '../../src/elf/elf-file.js';

const SOURCE = `
namespace ns {
struct Shape {
  int size;
  explicit Shape(int s) : size(s) {}
  ~Shape();
  int area() const;
  int area(int scale);
  Shape operator+(const Shape &other) const;
  int operator()(int x) const;
};
Shape::~Shape() { size = 0; }
int Shape::area() const { return size; }
int Shape::area(int scale) { return size * scale; }
Shape Shape::operator+(const Shape &other) const { return Shape(size + other.size); }
int Shape::operator()(int x) const { return size + x; }
template <typename T> T twice(T x) { return x + x; }
template int twice<int>(int);
template long twice<long>(long);
namespace { int hidden(const char *text) { return text[0]; } }
int shown(int (*call)(int), unsigned long n) { return hidden("x") + call(3) + static_cast<int>(n); }
}
int area(void) { return 1; }
int main() { return 0; }
`;

describe.each(['g++', 'clang++'])('names of functions in %s’s debug information', (compiler) => {
  let folder: string;
  let elf: ElfFile;
  let functions: readonly FunctionEntry[];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hcr-names-'));
    writeFileSync(join(folder, 'source.cpp'), SOURCE);
    const program = join(folder, 'program');
    execFileSync(compiler, ['-g', '-O0', '-o', program, join(folder, 'source.cpp')]);
    elf = openElf(program, program);
    functions = [...(openDebugInfo(elf)?.units() ?? [])]
      .flatMap((unit) => unit.functions())
      .filter(({ entry }) => entry !== undefined);
  });
  afterAll(() => {
    elf[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  /** And with one of the ways to write a type. */
  const withoutSpaces = (label: string | undefined): string =>
    (label ?? '').replaceAll('long int', 'long').replace(/\s+/g, '');
  const meant = (text: string): (string | undefined)[] => {
    const wanted = parseWantedName(text);
    return functions.filter((entry) => isCalled(entry, wanted)).map(sourceLabel);
  };

  it.each([
    ['ns::Shape::area() const', ['ns::Shape::area() const']],
    ['Shape::area(int)', ['ns::Shape::area(int)']],
    ['Shape::area', ['ns::Shape::area() const', 'ns::Shape::area(int)']],
    ['~Shape', ['ns::Shape::~Shape()']],
    ['Shape::operator+', ['ns::Shape::operator+(const ns::Shape &) const']],
    ['twice<long>', ['ns::twice<long>(long)']],
    ['hidden', ['ns::(anonymous namespace)::hidden(const char *)']],
    ['ns::hidden', ['ns::(anonymous namespace)::hidden(const char *)']],
    ['hape::area', []],
    ['Shape::area(char)', []],
  ])('%s means what a user would expect', (text, labels) => {
    const found = new Set(meant(text).map(withoutSpaces));
    expect([...found].sort()).toEqual(labels.map(withoutSpaces).sort());
  });

  it('leaves the arguments of templates open', () => {
    expect(meant('twice')).toHaveLength(2);
    expect(new Set(functions.map((entry) => templateName(entry.qualifiedName)))).toContain(
      'ns::twice',
    );
  });
});
