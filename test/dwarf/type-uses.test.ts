import { describe, expect, test } from 'vitest';
import { NamedTypes } from '../../src/dwarf/named-types.js';
import { TypeUses } from '../../src/dwarf/type-uses.js';
import { useSamples } from './samples.js';

const samples = useSamples();

const TEXT = `
struct inner { int a; };
struct outer { struct inner held; };
struct list { struct list *next; struct outer *payload; };
struct apart { int x; };
static struct list *volatile head;
struct apart only;
__attribute__((noinline)) int by_value(struct inner i) { return i.a; }
__attribute__((noinline)) int by_pointer(struct outer *p) { return p->held.a; }
__attribute__((noinline)) int through(struct list *l) { return l->next != 0; }
__attribute__((noinline)) int in_block(int x) { if (x) { volatile struct outer o = { { x } }; x += o.held.a; } return x; }
static inline __attribute__((always_inline)) int inlined(int x) { volatile struct inner i = { x }; return i.a; }
__attribute__((noinline)) int host(int x) { return inlined(x) + 1; }
__attribute__((noinline)) int with_static(int x) { static struct inner kept; kept.a += x; return kept.a; }
__attribute__((noinline)) int unconcerned(struct apart *p) { return p->x; }
int main(void) {
  struct list l = { 0, 0 };
  head = &l;
  return by_pointer(0) + through(&l) + in_block(1) + host(2) + with_static(3) + unconcerned(&only);
}
`;

describe.each([
  ['gcc', '-O0'],
  ['gcc', '-O2'],
  ['gcc', '-gdwarf-4'],
  ['gcc', '-fdebug-types-section'],
  ['clang', '-O0'],
  ['clang', '-O2'],
])('%s %s', (compiler, flag) => {
  const find = () => {
    const path = samples.build(`${compiler}${flag}.c`, TEXT, compiler, '-g', '-O1', flag);
    const [unit] = [...samples.open(path).units()].filter(({ name }) => name.endsWith('.c'));
    if (unit === undefined) return expect.fail('no unit');
    const uses = new TypeUses(unit);
    const typeNamed = (name: string): Set<number> => {
      const info = samples.open(path);
      const dies = info.unitsNaming([name]).flatMap((dies) => new NamedTypes(dies).find(name));
      return new Set(dies.map(({ offset }) => offset));
    };
    return { uses, typeNamed };
  };

  test('finds who mentions a type, through members, pointers, blocks and inlined functions', () => {
    const { uses, typeNamed } = find();
    const { functions, variables } = uses.usersOf(typeNamed('inner'), 'mentioned');
    const names = new Set(functions.map(({ name }) => name));
    for (const name of [
      'by_value',
      'by_pointer',
      'through',
      'in_block',
      'host',
      'with_static',
      'main',
    ])
      expect(names).toContain(name);
    expect(names).not.toContain('unconcerned');
    expect(variables.map(({ name }) => name).sort()).toEqual(['head', 'kept']);
  });

  test('tells who holds a value of it from who is led to one', () => {
    const { uses, typeNamed } = find();
    const { functions, variables } = uses.usersOf(typeNamed('inner'), 'held');
    const names = new Set(functions.map(({ name }) => name));
    for (const name of ['by_value', 'in_block', 'host', 'with_static'])
      expect(names).toContain(name);
    for (const name of ['by_pointer', 'through']) expect(names).not.toContain(name);
    expect(variables.map(({ name }) => name)).toEqual(['kept']);
  });

  test('tells who is called with it', () => {
    const { uses, typeNamed } = find();
    const inner = typeNamed('inner');
    const { functions } = uses.usersOf(inner, 'mentioned');
    const passed = functions.filter((entry) => uses.isPassed(inner, entry));
    expect([...new Set(passed.map(({ name }) => name))].sort()).toEqual([
      'by_pointer',
      'by_value',
      'through',
    ]);
  });
});
