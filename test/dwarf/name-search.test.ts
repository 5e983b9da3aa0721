import { describe, expect, test } from 'vitest';
import { NamedTypes } from '../../src/dwarf/named-types.js';
import { DW_AT } from '../../src/dwarf/constants.js';
import { useSamples } from './samples.js';

const samples = useSamples();

const HEADER = 'struct in_header { int a; };';
const FIRST = `${HEADER} struct in_header first; struct s { int x; } one; int main(void) { return first.a + one.x; }`;
const SECOND = 'struct not_in_first { int b; }; struct not_in_first second;';

describe.each([
  ['gcc', '-gdwarf-5'],
  ['gcc', '-gdwarf-4'],
  ['gcc', '-gdwarf64'],
  ['gcc', '-gz'],
  ['clang', '-gdwarf-5'],
  ['clang', '-gdwarf-4'],
])('%s %s', (compiler, flag) => {
  const build = () => {
    const name = `${compiler}${flag}`;
    const second = samples.build(`${name}2.c`, SECOND, compiler, '-g', flag, '-c');
    return samples.open(
      samples.build(
        `${name}1.c`,
        FIRST,
        compiler,
        '-g',
        flag,
        '-no-pie',
        '-x',
        'none',
        second,
        '-x',
        'c',
      ),
    );
  };

  test('finds the units that have a type of a name, and those alone', () => {
    const info = build();
    const unitsWith = (name: string): string[] =>
      info
        .unitsNaming([name])
        .filter((unit) => new NamedTypes(unit).find(name).length > 0)
        .map((unit) => (unit.root.text(DW_AT.name) ?? '').replace(/.*(\d\.c)/, '$1'));
    expect(unitsWith('in_header')).toEqual(['1.c']);
    expect(unitsWith('not_in_first')).toEqual(['2.c']);
    expect(unitsWith('s')).toEqual(['1.c']);
    expect(info.unitsNaming(['not_in_first'])).toHaveLength(1);
    expect(info.unitsNaming(['nowhere_at_all'])).toEqual([]);
  });
});
