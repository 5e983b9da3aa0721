import { describe, expect, it } from 'vitest';
import { unwrapCompiler } from '../../src/build/compiler-words.js';
import { splitShellWords } from '../../src/build/shell-words.js';

const unwrap = (line: string, isPositionIndependent = false) => {
  const found = unwrapCompiler(splitShellWords(line), isPositionIndependent);
  return found && [found.compiler, ...found.args].join(' ');
};

describe('unwrapCompiler', () => {
  it.each([
    ['gcc -c a.c', 'gcc -c a.c'],
    ['ccache gcc -c a.c', 'gcc -c a.c'],
    ['/usr/bin/ccache distcc g++-12 -c a.cc', 'g++-12 -c a.cc'],
    ['env CCACHE_DIR=/x ccache gcc -c a.c', 'gcc -c a.c'],
    ['CCACHE_BASEDIR=/x LC_ALL=C gcc -c a.c', 'gcc -c a.c'],
    ['ccache base_dir=/x gcc -c a.c', 'gcc -c a.c'],
    [
      '/usr/bin/cmake -E __run_co_compile --tidy=clang-tidy --source=a.c -- /usr/bin/cc -c a.c',
      '/usr/bin/cc -c a.c',
    ],
    [
      '/bin/bash ./libtool --tag=CC --mode=compile gcc -O2 -c -o a.lo a.c',
      'gcc -O2 -c -o a.lo a.c',
    ],
    ['libtool --silent --tag CC --mode compile ccache gcc -prefer-pic -c a.c', 'gcc -c a.c'],
    [
      'x86_64-linux-gnu-libtool --mode=compile gcc -Wc,-O1,-g -Xcompiler -DX a.c',
      'gcc -O1 -g -DX a.c',
    ],
  ])('%s', (line, compiler) => {
    expect(unwrap(line)).toBe(compiler);
  });

  it('compiles as libtool does for shared objects where the program is one', () => {
    expect(unwrap('libtool --mode=compile gcc -c a.c', true)).toBe('gcc -c a.c -fPIC -DPIC');
    expect(unwrap('libtool --mode=compile gcc -static -c a.c', true)).toBe('gcc -c a.c');
    expect(unwrap('gcc -c a.c', true)).toBe('gcc -c a.c');
  });

  it.each([
    '',
    'CPATH=/x gcc -c a.c',
    'GCC_EXEC_PREFIX=/x gcc -c a.c',
    'env -i gcc -c a.c',
    'sh -c "gcc -c a.c"',
    'sh wrapper.sh gcc -c a.c',
    'libtool --mode=link gcc -o a a.lo',
    'ccache',
  ])('sees no compiler in %j', (line) => {
    expect(unwrap(line)).toBeUndefined();
  });
});
