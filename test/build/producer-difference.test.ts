import { describe, expect, it } from 'vitest';
import {
  compareProducers,
  compilerText,
  withoutChosen,
} from '../../src/build/producer-difference.js';

const GCC = 'GNU C17 12.2.0 -mtune=generic -march=x86-64 -g';

describe('compareProducers', () => {
  it('sees nothing in what does not shape code, nor in what hcr adds', () => {
    expect(
      compareProducers(
        `${GCC} -O2 -flto -Wall`,
        `${GCC} -gdwarf-4 -O2 -ffunction-sections -fdata-sections -std=gnu17`,
      ),
    ).toEqual({ compiler: false, missing: [], added: [] });
  });

  it('names flags by the last that counts', () => {
    expect(
      compareProducers(`${GCC} -O3 -O2 -march=haswell -fPIC`, `${GCC} -O1 -O -fno-pic -ffast-math`),
    ).toEqual({
      compiler: false,
      missing: ['-march=haswell', '-O2', '-fPIC'],
      added: ['-march=x86-64', '-O1', '-fno-pic', '-ffast-math'],
    });
  });

  it('takes no -O for -O0', () => {
    expect(compareProducers(GCC, `${GCC} -O0`)).toEqual({
      compiler: false,
      missing: [],
      added: [],
    });
  });

  it('tells --param by its name', () => {
    expect(
      compareProducers(`${GCC} --param=l1-cache-size=32`, `${GCC} --param=l1-cache-size=48`)
        .missing,
    ).toEqual(['--param=l1-cache-size=32']);
  });

  it('tells compilers and versions apart, and compares no flags of different ones', () => {
    const clang = 'Debian clang version 14.0.6';
    expect(compareProducers(`${GCC} -O2`, clang)).toEqual({
      compiler: true,
      missing: [],
      added: [],
    });
    expect(compareProducers(GCC, GCC.replace('12.2', '12.3')).compiler).toBe(true);
    expect(compareProducers(clang, clang)).toEqual({ compiler: false, missing: [], added: [] });
  });
});

it('withoutChosen leaves out what was asked for', () => {
  const difference = compareProducers(`${GCC} -O2 -fPIC`, `${GCC} -O0 -fno-pic`);
  expect(withoutChosen(difference, ['-O0'])).toEqual({
    compiler: false,
    missing: ['-fPIC'],
    added: ['-fno-pic'],
  });
});

it('compilerText is the compiler without its flags', () => {
  expect(compilerText(`${GCC} -O2`)).toBe('GNU C17 12.2.0');
  expect(compilerText('Debian clang version 14.0.6')).toBe('Debian clang version 14.0.6');
});
