/** Assembly, as C string literals, that sets every register from `struct state in`, calls, and
 *  stores every register to `out`; as wide as this processor goes. */
import { GENERAL_NAMES } from '../../../src/arch/x86-64/register-set.js';
import { cpuHas } from './build-with-gcc.js';

export const avx = cpuHas('avx');
export const avx512 = cpuHas('avx512bw');
export const vectorCount = avx512 ? 32 : 16;
export const vectorBytes = avx512 ? 64 : avx ? 32 : 16;

const width = avx512 ? 'zmm' : avx ? 'ymm' : 'xmm';
const move = avx ? 'vmovups' : 'movups';

/** Offsets in `struct state`. */
const VECTORS = 128;
const MASKS = VECTORS + 32 * 64;
const FLAGS = MASKS + 64;

/** The C declaration that the offsets go with. */
export const STATE = `struct state {
  unsigned long general[16]; unsigned char vector[32][64]; unsigned long mask[8], flags;
};`;

/** All but rsp. */
const general = GENERAL_NAMES.map((name, n) => ({ name, offset: 8 * n })).filter(
  ({ name }) => name !== 'rsp',
);

export const numbered = (count: number, line: (n: number) => string): readonly string[] =>
  Array.from({ length: count }, (_, n) => line(n));

export const literal = (lines: readonly string[]): string =>
  lines.map((line) => JSON.stringify(`${line}\n`)).join('\n');

/** A function `name` without arguments; `callInstruction` is made with all registers set. */
export const enterFunction = (name: string, callInstruction: string): string =>
  `asm(${literal([
    `${name}:`,
    ...['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'].map((r) => `push %${r}`),
    'sub $8,%rsp',
    'mov %rsp,saved_sp',
    ...numbered(vectorCount, (n) => `${move} in+${VECTORS + 64 * n},%${width}${n}`),
    ...(avx512 ? numbered(8, (n) => `kmovq in+${MASKS + 8 * n},%k${n}`) : []),
    ...general.map(({ name: r, offset }) => `mov in+${offset},%${r}`),
    `pushq in+${FLAGS}`,
    'popfq',
    callInstruction,
    'pushfq',
    `popq out+${FLAGS}`,
    ...general.map(({ name: r, offset }) => `mov %${r},out+${offset}`),
    ...numbered(vectorCount, (n) => `${move} %${width}${n},out+${VECTORS + 64 * n}`),
    ...(avx512 ? numbered(8, (n) => `kmovq %k${n},out+${MASKS + 8 * n}`) : []),
    'cmp %rsp,saved_sp',
    'je 1f',
    'ud2',
    '1: cld',
    'add $8,%rsp',
    ...['r15', 'r14', 'r13', 'r12', 'rbp', 'rbx'].map((r) => `pop %${r}`),
    'ret',
  ])});`;
