/**
 * The forms that clang prefers and gcc does not use: strings, addresses and lists by number. The
 * text is what clang writes, cut down; readelf agrees that it is sound.
 * @see DWARF 5, 7.26 to 7.28
 */
import { expect, test } from 'vitest';
import { signatureOf } from '../../src/dwarf/signature.js';
import { nm, readelf } from './oracles.js';
import { useSamples } from './samples.js';

const samples = useSamples();

const abbreviation = (
  code: number,
  tag: number,
  children: number,
  ...attributes: (number | string)[]
) =>
  `.uleb128 ${code}\n.uleb128 ${tag}\n.byte ${children}\n` +
  attributes.map((value) => (typeof value === 'string' ? value : `.uleb128 ${value}`)).join('\n') +
  '\n.byte 0, 0\n';

const ASSEMBLY = `
.text
.globl main, second
.type main, @function
.type second, @function
main: xorl %eax, %eax
 ret
.Lmain_end: .size main, .-main
.section .text.second, "ax", @progbits
second: movl %edi, %eax
 ret
.Lsecond_end: .size second, .-second
.data
.globl counter
.type counter, @object
.size counter, 4
counter: .long 5
.section .tdata, "awT", @progbits
.globl local
.type local, @object
.size local, 8
 .quad 0
local: .quad 7

.section .debug_abbrev, "", @progbits
${abbreviation(1, 0x11, 1, 0x25, 0x25, 0x13, 0x05, 0x03, 0x26, 0x72, 0x17, 0x1b, 0x27, 0x11, 0x1b, 0x55, 0x23, 0x73, 0x17, 0x74, 0x17)}
${abbreviation(2, 0x2e, 1, 0x11, 0x1b, 0x12, 0x06, 0x03, 0x28, 0x3a, 0x0b, 0x3b, 0x21, '.sleb128 77', 0x27, 0x19, 0x49, 0x13, 0x3f, 0x19)}
${abbreviation(3, 0x05, 0, 0x02, 0x22, 0x03, 0x1a, 0x49, 0x13)}
${abbreviation(4, 0x24, 0, 0x03, 0x25, 0x3e, 0x0b, 0x0b, 0x0b)}
${abbreviation(5, 0x34, 0, 0x03, 0x25, 0x49, 0x16, 0x3f, 0x19, 0x02, 0x18)}
${abbreviation(6, 0x2e, 0, 0x55, 0x23, 0x03, 0x25, 0x49, 0x10, 0x3f, 0x0c)}
.byte 0

.section .debug_info, "", @progbits
.Lunit: .long .Lunit_end-.Lunit_start
.Lunit_start: .short 5
.byte 1, 8
.long .debug_abbrev
 .uleb128 1
 .byte 0
 .short 12
 .short 1
 .long .Lstr_base
 .byte 2, 0, 0
 .uleb128 0
 .uleb128 0
 .long .Laddr_base
 .long .Lrng_base
 .uleb128 2
 .uleb128 0
 .long .Lmain_end-main
 .long 3
 .byte 0
 .long .Lint-.Lunit
  .uleb128 3
  .uleb128 0
  .uleb128 4
  .long .Lint-.Lunit
  .byte 0
.Lint: .uleb128 4
 .byte 5, 5, 4
 .uleb128 5
 .byte 6
 .uleb128 0x15
 .uleb128 .Lint-.Lunit
 .uleb128 2
 .byte 0xa1
 .uleb128 2
 .uleb128 5
 .byte 7
 .uleb128 0x13
 .long .Lint-.Lunit
 .uleb128 10
 .byte 0x0e
 .quad local@DTPOFF
 .byte 0xe0
 .uleb128 6
 .uleb128 1
 .byte 8
 .long .Lint
 .byte 1
 .byte 0
.Lunit_end:

.section .debug_str_offsets, "", @progbits
 .long .Lstr_end-.Lstr_start
.Lstr_start: .short 5, 0
.Lstr_base: .long .Ls0, .Ls1, .Ls2, .Ls3, .Ls4, .Ls5, .Ls6, .Ls7, .Ls8
.Lstr_end:
.section .debug_str, "MS", @progbits, 1
.Ls0: .string "clang version 14"
.Ls1: .string "indexed.c"
.Ls2: .string "/somewhere"
.Ls3: .string "main"
.Ls4: .string "argument"
.Ls5: .string "int"
.Ls6: .string "counter"
.Ls7: .string "local"
.Ls8: .string "second"

.section .debug_addr, "", @progbits
 .long .Laddr_end-.Laddr_start
.Laddr_start: .short 5
 .byte 8, 0
.Laddr_base: .quad main, second, counter
.Laddr_end:

.section .debug_rnglists, "", @progbits
 .long .Lrng_end-.Lrng_start
.Lrng_start: .short 5
 .byte 8, 0
 .long 2
.Lrng_base: .long .Lrng0-.Lrng_base, .Lrng1-.Lrng_base
.Lrng0: .byte 3
 .uleb128 0
 .uleb128 .Lmain_end-main
 .byte 3
 .uleb128 1
 .uleb128 .Lsecond_end-second
 .byte 0
.Lrng1: .byte 1
 .uleb128 1
 .byte 4
 .uleb128 0
 .uleb128 .Lsecond_end-second
 .byte 0
.Lrng_end:
.section .note.GNU-stack, "", @progbits
`;

const build = () => samples.build('indexed.s', ASSEMBLY, 'gcc', '-nostartfiles', '-Wl,-e,main');

test('the text is what it claims to be', () => {
  const dump = readelf(build(), '--debug-dump=info').join('\n');
  for (const text of ['indexed.c', 'clang version 14', 'counter', 'second', 'argument']) {
    expect(dump).toContain(text);
  }
});

test('strings, addresses and ranges are found by number', () => {
  const path = build();
  const [unit] = samples.open(path).units();
  expect(unit).toMatchObject({
    name: 'indexed.c',
    compDir: '/somewhere',
    producer: 'clang version 14',
    language: 12,
  });
  const symbols = new Map(nm(path).map(({ name, value }) => [name, value]));
  const [main, second] = unit?.functions() ?? [];
  expect([main?.name, main?.entry, main?.declLine]).toEqual(['main', symbols.get('main'), 77]);
  expect([second?.name, second?.entry]).toEqual(['second', symbols.get('second')]);
  expect(second?.external).toBe(true);
  const starts = unit?.ranges.map(({ start }) => start);
  expect(starts).toEqual([symbols.get('main'), symbols.get('second')]);
  expect(main && signatureOf(main).text).toBe('int main(int)');
});

test('variables are found by number and by either way to a thread-local', () => {
  const path = build();
  const [unit] = samples.open(path).units();
  const symbols = new Map(nm(path).map(({ name, value }) => [name, value]));
  expect(
    unit?.variables().map(({ name, location, typeText }) => [name, location, typeText]),
  ).toEqual([
    ['counter', { kind: 'static', vaddr: symbols.get('counter') }, 'int'],
    ['local', { kind: 'tls', offset: 8 }, 'int'],
  ]);
});

test('without .debug_aranges the unit is found by its ranges', () => {
  const path = build();
  const info = samples.open(path);
  const [unit] = info.units();
  const second = unit?.functions()[1]?.entry;
  expect(second && info.unitForAddress(second)).toBe(unit);
});
