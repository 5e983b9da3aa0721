import { describe, expect, it } from 'vitest';
import { sortCompileArguments } from '../../src/build/compile-arguments.js';

const sorted = (line: string) => sortCompileArguments(line.split(' '));

describe('sortCompileArguments', () => {
  it('leaves out input and output of a CMake command', () => {
    expect(
      sorted('-DA=1 -I/x/include -O2 -g -std=gnu11 -MD -MT a.o -MF a.o.d -o a.o -c /x/a.c'),
    ).toEqual({ flags: ['-DA=1', '-I/x/include', '-O2', '-g', '-std=gnu11'], inputs: ['/x/a.c'] });
  });

  it('does not take the value of a flag for an input', () => {
    expect(sorted('-I inc -D X=1 -include conf.h -isystem s -Xclang -load -x c a.c')).toEqual({
      flags: [
        '-I',
        'inc',
        '-D',
        'X=1',
        '-include',
        'conf.h',
        '-isystem',
        's',
        '-Xclang',
        '-load',
        '-x',
        'c',
      ],
      inputs: ['a.c'],
    });
  });

  it.each([
    ...[
      '-oa.o',
      '--output=a.o',
      '-S',
      '-E',
      '-MMD',
      '-MP',
      '-MFa.d',
      '-Wp,-MMD,dir/.a.o.d',
      '-Wa,-adhln=x',
    ],
    ...[
      '-save-temps=obj',
      '-gsplit-dwarf',
      '-gz=zlib',
      '-fdump-tree-all',
      '-fstack-usage',
      '-ftime-trace=x',
    ],
  ])('leaves out %s', (flag) => {
    expect(sorted(`${flag} -O2`)).toEqual({ flags: ['-O2'], inputs: [] });
  });

  it.each(['-Wall', '-Werror', '-march=native', '-fPIC', '-flto', '-pthread', '-mfpmath=sse'])(
    'keeps %s',
    (flag) => {
      expect(sorted(flag).flags).toEqual([flag]);
    },
  );

  it('takes all that follows -- for inputs', () => {
    expect(sorted('-O2 -- -odd.c')).toEqual({ flags: ['-O2'], inputs: ['-odd.c'] });
  });
});
