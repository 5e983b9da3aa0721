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

  // It may find a unit too many: the offset of the name is two or three bytes that may mean something
  // else there, depending on the name of the folder. What has no such type is sorted out afterwards.
  test('overlooks no unit that has a type of a name, and finds none for a name that is nowhere', () => {
    const info = build();
    const unitsWith = (name: string): string[] =>
      info
        .unitsNaming([name])
        .filter((unit) => new NamedTypes(unit).find(name).length > 0)
        .map((unit) => (unit.root.text(DW_AT.name) ?? '').replace(/.*(\d\.c)/, '$1'));
    expect(unitsWith('in_header')).toEqual(['1.c']);
    expect(unitsWith('not_in_first')).toEqual(['2.c']);
    expect(unitsWith('s')).toEqual(['1.c']);
    expect(info.unitsNaming(['nowhere_at_all'])).toEqual([]);
  });
});
