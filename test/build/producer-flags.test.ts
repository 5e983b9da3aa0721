import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseProducer } from '../../src/build/producer-flags.js';

describe('parseProducer', () => {
  it('reads what gcc 12 writes', () => {
    expect(
      parseProducer(
        'GNU C17 12.2.0 -mtune=generic -march=x86-64 -g -O2 -fasynchronous-unwind-tables',
      ),
    ).toEqual({
      compiler: 'gcc',
      version: '12.2.0',
      language: 'C17',
      standard: '-std=gnu17',
      flags: ['-mtune=generic', '-march=x86-64', '-g', '-O2', '-fasynchronous-unwind-tables'],
      dropped: [],
    });
  });

  it.each([
    ['GNU C++17 11.4.0 -O2', 'gcc', '11.4.0', '-std=gnu++17'],
    ['GNU C++98 4.8.5 20150623 (Red Hat 4.8.5-44) -O2', 'gcc', '4.8.5', '-std=gnu++98'],
    ['GNU C2X 13.1.0 -O2', 'gcc', '13.1.0', '-std=gnu2x'],
    ['GNU C 4.4.7 20120313 (Red Hat 4.4.7-23) -O2', 'gcc', '4.4.7', undefined],
    ['GNU GIMPLE 12.2.0 -O2', 'gcc', '12.2.0', undefined],
    ['GNU AS 2.40', 'gcc', '2.40', undefined],
    ['Debian clang version 14.0.6', 'clang', '14.0.6', undefined],
    ['clang version 18.1.8 (Fedora 18.1.8-1.fc40)', 'clang', '18.1.8', undefined],
    ['clang LLVM (rustc version 1.75.0 (82e1608df 2023-12-21))', 'rustc', '1.75.0', undefined],
    ['Go cmd/compile go1.19.8', 'unknown', '', undefined],
    ['', 'unknown', '', undefined],
  ])('%s', (producer, compiler, version, standard) => {
    expect(parseProducer(producer)).toMatchObject({ compiler, version });
    expect(parseProducer(producer).standard).toBe(standard);
  });

  it('reads the command that clang records, with its escaped blanks', () => {
    const { flags, dropped } = parseProducer(
      String.raw`Debian clang version 14.0.6 /usr/lib/llvm-14/bin/clang -g -grecord-command-line -O1 ` +
        String.raw`-D TEXT="a\ b" -Iinc\ dir -isystem /opt/x -include conf.h -c a.c -o a.o -Xclang -load -Xclang ./x.so`,
    );
    expect(flags).toEqual([
      ...['-g', '-grecord-command-line', '-O1', '-DTEXT="a b"', '-Iinc dir'],
      ...['-isystem', '/opt/x', '-include', 'conf.h'],
    ]);
    expect(dropped.map(({ flag }) => flag)).toEqual([
      '-c',
      '-o a.o',
      '-Xclang -load',
      '-Xclang ./x.so',
    ]);
  });

  it('joins the values of --param, which old gccs wrote apart', () => {
    expect(parseProducer('GNU C11 8.3.0 --param l1-cache-size=32 --param x=$(id)').flags).toEqual([
      '--param=l1-cache-size=32',
    ]);
  });

  it.each([
    '-fplugin=./evil.so',
    '-fplugin-arg-x-y=1',
    '-fpass-plugin=evil.so',
    '-B/tmp/evil',
    '-wrapper evil',
    '@/tmp/args',
    '-specs=/tmp/specs',
    '--specs=/tmp/specs',
    '-Xlinker x',
    '-Wl,-z,now',
    '-Wa,-adhln=/tmp/x',
    '-Wp,-MD,/tmp/x',
    '-mllvm -load=x.so',
    '-fprofile-use=/tmp/p',
    '-fauto-profile',
    '-fdump-tree-all',
    '-fstack-usage',
    '-fcallgraph-info',
    '-fsave-optimization-record',
    '-fmodule-mapper=|evil',
    '-fuse-ld=evil',
    '-save-temps=obj',
    '-o /tmp/x',
    '-x none',
    '-T script',
    '-include @x',
    '-I @x',
    '-I-',
    '-fself-test=/etc/passwd',
    '-fsanitize-blacklist=/etc/passwd',
    '-fdeps-file=/tmp/x',
    '-march=../x',
    '-D=1',
    '-gsplit-dwarf',
    '--help',
    '-###',
  ])('keeps nothing of %s', (flag) => {
    const { flags, dropped } = parseProducer(`GNU C17 12.2.0 ${flag} -O2`);
    expect(flags).toEqual(['-O2']);
    expect(dropped).toHaveLength(1);
  });

  it.each([
    '-fcf-protection=full',
    '-fpatchable-function-entry=2,1',
    '-fno-builtin-printf',
    '-ffile-prefix-map=/build/a=.',
    '-fPIC',
    '-fsanitize=address,undefined',
    '-falign-functions=32',
    '-ftemplate-depth=900',
    '-mno-avx512fp16',
    '--param=l1-cache-size=48',
    '-std=c++20',
    '-p',
    '-ggdb3',
    '-gdwarf-4',
    '-Ofast',
    '-finstrument-functions',
    '-mcmodel=large',
  ])('keeps %s', (flag) => {
    expect(parseProducer(`GNU C17 12.2.0 ${flag}`).flags).toEqual([flag]);
  });

  it('names link-time optimisation as the reason', () => {
    expect(parseProducer('GNU C17 12.2.0 -flto=auto -ffat-lto-objects').dropped).toEqual([
      { flag: '-flto=auto', reason: 'link-time optimisation' },
      { flag: '-ffat-lto-objects', reason: 'link-time optimisation' },
    ]);
  });
});

/** Written apart from the allow-list: what a kept argument may look like at all. */
const HARMLESS = [
  /^-O[0-9a-z]*$/,
  /^-g[a-z0-9-]*$/,
  /^-m[A-Za-z0-9][\w.=+,:-]*$/,
  /^-f[A-Za-z0-9][\w.=+,:-]*$/,
  /^-f(file|debug|macro)-prefix-map=/,
  /^-std=[a-z0-9+:]+$/,
  /^--param=[a-z0-9-]+=\d+$/,
  /^--target=[\w.-]+$/,
  /^-[DU][A-Za-z_]/,
  /^-I[^@-]/,
  /^-(ansi|trigraphs|p|pg|pthread|nostdinc|nostdinc\+\+)$/,
];
const DANGEROUS =
  /plugin|^-wrapper|^-B|^@|specs|^-o|^-x|^-T|^-X|^-W|mllvm|profile-use|auto-profile|^-fdump|module-mapper|use-ld|^-flto|save-|^-load/;
const PATH_FLAGS = ['-isystem', '-iquote', '-idirafter', '-include', '-imacros'];

const nasty = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    ...[
      '-fplugin=x',
      '-fno-plugin',
      '-B',
      '-B.',
      '-wrapper',
      'sh',
      '@f',
      '-specs=x',
      '-o',
      '/etc/passwd',
    ],
    ...[
      '-x',
      '-Xclang',
      '-load',
      '-mllvm',
      '-include',
      '-I',
      '-D',
      '--param',
      '-T',
      '-fdump-rtl-all',
    ],
    ...[
      '-flto',
      '-O2',
      '-g',
      '-march=native',
      '-Wl,x',
      '-Wa,@x',
      '-isystem',
      '-fprofile-use=x',
      '-U',
    ],
  ),
  fc
    .tuple(fc.constantFrom('-f', '-m', '-g', '-O', '-D', '-I', '-std=', '--'), fc.string())
    .map((t) => t.join('')),
);

describe('no flag outside the allow-list survives', () => {
  it.each(['GNU C17 12.2.0', 'clang version 14.0.6 /usr/bin/clang'])('from %s', (who) => {
    fc.assert(
      fc.property(fc.array(nasty, { maxLength: 12 }), (words) => {
        const { flags } = parseProducer(`${who} ${words.join(' ')}`);
        for (let i = 0; i < flags.length; i += 1) {
          const flag = flags[i] ?? '';
          // that is the claim
          expect(flag).not.toMatch(/[\u0000-\u001f]/);
          if (PATH_FLAGS.includes(flag)) {
            expect(flags[i + 1]).toMatch(/^[^@-]/);
            i += 1;
            continue;
          }
          expect(
            HARMLESS.some((pattern) => pattern.test(flag)),
            flag,
          ).toBe(true);
          if (!/^-[DUI]|prefix-map=/.test(flag)) expect(flag).not.toMatch(DANGEROUS);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('ends on megabytes of text', () => {
    expect(parseProducer(`GNU C17 12.2.0 ${'-O2 '.repeat(1 << 20)}`).flags.length).toBeLessThan(
      5000,
    );
  });
});

describe('with the installed gcc', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hcr-producer-'));
    writeFileSync(join(folder, 'a.c'), 'int f(int x) { return x + 1; }\n');
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const producerOf = (flags: readonly string[]): string => {
    execFileSync('gcc', [...flags, '-c', 'a.c', '-o', 'a.o'], { cwd: folder });
    const dump = execFileSync('readelf', ['--debug-dump=info', 'a.o'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return /DW_AT_producer\s*: (?:\([^)]*\): )?(.*)/.exec(dump)?.[1] ?? '';
  };

  it.each([
    '-g -O2',
    '-g -O0 -std=c11 -fPIC',
    '-g -O3 -march=native -fno-plt -fcf-protection=full -fstack-protector-strong',
    '-g -Os -ansi -pg -fno-common -gdwarf-4',
  ])('its own record of %s is accepted by it and recorded again', (text) => {
    const once = parseProducer(producerOf(text.split(' ')));
    expect(once.dropped).toEqual([]);
    const again = parseProducer(producerOf(once.flags));
    expect(new Set(again.flags)).toEqual(new Set(once.flags));
  });
});
