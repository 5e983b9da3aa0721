import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jumps } from '../../../src/arch/x86-64/jumps.js';
import { addr } from '../../../src/core/address.js';
import { Workshop } from './build-with-gcc.js';

const AT = addr(0x10000000);
const SLOT = addr(0x10000800);
const BACK = addr(0x10001005);

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
});
afterAll(() => shop[Symbol.dispose]());

const SOURCE = `
        .globl _start
_start: endbr64
        mov slot(%rip),%r8
        test %r8,%r8
        je original
        xor %ecx,%ecx
        mov (%r8),%rdx
next:   cmp %rdx,%rcx
        jae original
        lea (%rcx,%rdx),%rax
        shr %rax
        lea (%rax,%rax,2),%r9
        lea 8(%r8,%r9,8),%r9
        cmp (%r9),%rdi
        jae 1f
        mov %rax,%rdx
        jmp next
1:      cmp 8(%r9),%rdi
        jb found
        lea 1(%rax),%rcx
        jmp next
found:  xor %eax,%eax
        mov %rax,(%rsi)
        mov %rax,8(%rsi)
        mov (%r9),%rax
        mov %rax,16(%rsi)
        mov 16(%r9),%rax
        ret
original:
        push %r15
        push %r14
        push %r13
        .byte 0xe9
        .long back - . - 4
`;

describe('the search for frame descriptions', () => {
  it('is the code that the assembler makes of its text', () => {
    shop.write('search.s', SOURCE);
    shop.run('as', '-o', 'search.o', 'search.s');
    shop.run(
      ...(['ld', '-o', 'search', 'search.o', '-Ttext=0x10000000'] as const),
      ...[`--defsym=slot=${SLOT}`, `--defsym=back=${BACK}`],
    );
    const displaced = Uint8Array.of(0x41, 0x57, 0x41, 0x56, 0x41, 0x55);
    expect(jumps.frameSearch(AT, SLOT, displaced, BACK)).toEqual(shop.section('search', '.text'));
    expect(jumps.frameSearchBytes).toBe(shop.section('search', '.text').length - displaced.length);
  });

  it('answers for addresses in the table and leaves the others to the original', () => {
    const code = jumps.frameSearch(addr(0), addr(0x1000), Uint8Array.of(0x90), addr(0x2000));
    const bytes = [...(code ?? [])].join(',');
    const printed = shop.runC(
      'search_run',
      `
      #define _GNU_SOURCE
      #include <stdio.h>
      #include <string.h>
      #include <sys/mman.h>
      static const unsigned char code[] = {${bytes}};
      /* mov %rdi,%rax; ret */
      static const unsigned char original[] = {0x48, 0x89, 0xf8, 0xc3};
      static unsigned long table[] = {3, 100, 110, 7001, 110, 120, 7002, 200, 300, 7003};
      int main(void)
      {
          char *at = mmap(NULL, 0x3000, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          unsigned long (*find)(unsigned long, unsigned long *) = (void *)at;
          memcpy(at, code, sizeof code);
          memcpy(at + 0x2000, original, sizeof original);
          for (int filled = 0; filled < 2; filled++) {
              *(unsigned long **)(at + 0x1000) = filled ? table : NULL;
              for (int pc = 95; pc <= 305; pc += 5) {
                  unsigned long bases[3] = {9, 9, 9};
                  unsigned long found = find(pc, bases);
                  printf("%d %d %lu %lu %lu %lu\\n", filled, pc, found, bases[0], bases[1], bases[2]);
              }
          }
          return 0;
      }`,
    );
    const table = [
      { start: 100, end: 110, fde: 7001 },
      { start: 110, end: 120, fde: 7002 },
      { start: 200, end: 300, fde: 7003 },
    ];
    const expected: string[] = [];
    for (const filled of [0, 1]) {
      for (let pc = 95; pc <= 305; pc += 5) {
        const entry = filled === 0 ? undefined : table.find((e) => pc >= e.start && pc < e.end);
        expected.push(
          entry === undefined
            ? `${filled} ${pc} ${pc} 9 9 9`
            : `${filled} ${pc} ${entry.fde} 0 0 ${entry.start}`,
        );
      }
    }
    expect(printed.trim().split('\n')).toEqual(expected);
  });
});
