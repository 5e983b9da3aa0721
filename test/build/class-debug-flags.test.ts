import { expect, test } from 'vitest';
import { classDebugFlags } from '../../src/build/class-debug-flags.js';

test('C++ is compiled with all that debug information can tell, in the words of its compiler', () => {
  expect(classDebugFlags({ cc: '/usr/bin/g++-12', source: 'a.cc' })).toEqual([
    '-femit-class-debug-always',
  ]);
  expect(classDebugFlags({ cc: '/usr/bin/clang++', source: 'a.cc' })).toEqual([
    '-fstandalone-debug',
  ]);
  expect(classDebugFlags({ cc: '/usr/bin/clang-14', source: 'a.cpp' })).toHaveLength(1);
});

test('C and unknown compilers are left alone', () => {
  expect(classDebugFlags({ cc: '/usr/bin/gcc', source: 'a.c' })).toEqual([]);
  expect(classDebugFlags({ cc: '/usr/bin/c++', source: 'a.cc' })).toEqual([]);
});
