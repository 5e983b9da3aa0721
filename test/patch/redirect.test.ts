import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decoder } from '../../src/arch/decoder.js';
import { jumps } from '../../src/arch/x86-64/jumps.js';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { type Addr, addr, offsetBy } from '../../src/core/address.js';
import { isHcrError } from '../../src/core/failure.js';
import {
  type RedirectPlaces,
  branchesBackInto,
  chooseRedirect,
  redirectBytes,
} from '../../src/patch/redirect.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { FakeMemory } from './fake-memory.js';

const PAGE = 4096;
const BASE = 0x401000;

let shop: Workshop;
let decoder: Decoder;
beforeAll(async () => {
  shop = new Workshop();
  decoder = await x8664.loadDecoder();
});
afterAll(() => shop[Symbol.dispose]());

interface Assembled {
  readonly memory: FakeMemory;
  /** Address and size of each function, in the order of the addresses. */
  readonly functions: ReadonlyMap<string, { readonly entry: Addr; readonly sizeBytes: number }>;
}

let count = 0;

/** What gas and ld make of functions written in assembly; `nm` says where they are. */
function assemble(source: string): Assembled {
  const name = `code${count++}`;
  shop.write(`${name}.s`, `.text\n${source}\n`);
  shop.run('as', '-o', `${name}.o`, `${name}.s`);
  shop.run('ld', '-N', `-Ttext=0x${BASE.toString(16)}`, '-e', '0', '-o', name, `${name}.o`);
  const listed = shop.run('nm', '-nS', name);
  const functions = new Map(
    [...listed.matchAll(/^([0-9a-f]+) ([0-9a-f]+) [tT] (\S+)$/gm)].map(
      ([, at, size, symbol = '']) => [
        symbol,
        { entry: addr(Number(`0x${at ?? ''}`)), sizeBytes: Number(`0x${size ?? ''}`) },
      ],
    ),
  );
  shop.run('objcopy', '-O', 'binary', '-j', '.text', name, `${name}.bin`);
  // What comes after the last function is as the linker leaves it: zeros, to the end of the page.
  const code = readFileSync(shop.path(`${name}.bin`));
  const memory = new Uint8Array(Math.ceil((code.length + 1) / PAGE) * PAGE);
  memory.set(code);
  return { memory: new FakeMemory(BASE, memory), functions };
}

const fn = (name: string, ...body: string[]): string =>
  [
    `.globl ${name}`,
    `.type ${name},@function`,
    `${name}:`,
    ...body,
    `.size ${name}, .-${name}`,
  ].join('\n');

type IsTaken = (start: Addr, sizeBytes: number) => boolean;
const FREE: IsTaken = () => false;

function choose(code: Assembled, name: string, isTaken: IsTaken = FREE): RedirectPlaces {
  const { entry, sizeBytes } = code.functions.get(name) ?? { entry: addr(0), sizeBytes: 0 };
  const starts = [...code.functions.values()]
    .map((other) => other.entry)
    .filter((at) => at > entry);
  const limit = Math.min(...starts, entry + sizeBytes + 16, code.memory.end);
  return chooseRedirect({ name, entry, sizeBytes, limit: addr(limit) }, jumps, PAGE, code.memory, {
    isTaken,
    isFunctionEnd: (at) =>
      [...code.functions.values()].some((other) => other.entry + other.sizeBytes === at),
    branchesInto: (places) =>
      branchesBackInto(code.memory.read(entry, sizeBytes), entry, places, decoder),
  });
}

function refusalOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

const pagesOf = ({ address, sizeBytes }: RedirectPlaces['places'][number]): number[] => [
  Math.floor(address / PAGE),
  Math.floor((address + sizeBytes - 1) / PAGE),
];

const LONG = ['push %rbp', 'mov %rsp,%rbp', 'mov $1,%eax', 'pop %rbp', 'ret'];

describe('chooseRedirect', () => {
  it('takes the first five bytes of a function that has them', () => {
    const code = assemble(fn('f', ...LONG));
    expect(choose(code, 'f')).toEqual({ kind: 'near', places: [{ address: BASE, sizeBytes: 5 }] });
  });

  it('leaves endbr64 in place and jumps right after it', () => {
    const code = assemble(fn('f', 'endbr64', ...LONG));
    expect(choose(code, 'f')).toEqual({
      kind: 'near',
      places: [{ address: BASE + 4, sizeBytes: 5 }],
    });
  });

  it('overwrites endbr64 rather than refuse a function that is otherwise too short', () => {
    const code = assemble([fn('f', 'endbr64', 'ret'), fn('g', 'endbr64', ...LONG)].join('\n'));
    expect(choose(code, 'f')).toEqual({ kind: 'near', places: [{ address: BASE, sizeBytes: 5 }] });
  });

  it('uses the padding behind a short function, of every length that holds the jump', () => {
    for (let padding = 4; padding <= 15; padding++) {
      const code = assemble([fn('f', 'ret'), `.nops ${padding}`, fn('g', ...LONG)].join('\n'));
      expect(choose(code, 'f').kind).toBe('near');
    }
  });

  it('never writes into the function that comes next', () => {
    // `jmp` of g right behind f: f has one byte and no padding.
    for (const first of [
      fn('f', 'ret'),
      fn('f', 'xor %eax,%eax', 'ret'),
      fn('f', 'mov %edi,%eax', 'ret'),
    ]) {
      const code = assemble([first, fn('g', ...LONG)].join('\n'));
      const next = code.functions.get('g')?.entry ?? 0;
      let places: RedirectPlaces;
      try {
        places = choose(code, 'f');
      } catch (error) {
        expect(isHcrError(error, 'function-not-patchable')).toBe(true);
        continue;
      }
      for (const { address, sizeBytes } of places.places) {
        const own = address + sizeBytes <= next;
        const behind = address >= next + (code.functions.get('g')?.sizeBytes ?? 0);
        expect(own || behind).toBe(true);
      }
    }
  });

  it('takes padding after a nearby return as an island for a function with only two bytes', () => {
    const code = assemble(
      [fn('f', 'xor %eax,%eax'), fn('g', ...LONG), '.nops 9', fn('h', ...LONG)].join('\n'),
    );
    const { kind, places } = choose(code, 'f');
    expect(kind).toBe('island');
    const g = code.functions.get('g');
    expect(places).toEqual([
      { address: (g?.entry ?? 0) + (g?.sizeBytes ?? 0), sizeBytes: 5 },
      { address: BASE, sizeBytes: 2 },
    ]);
  });

  it('leaves a loop head right behind the entry alone where an island is near', () => {
    const loop = ['mov %edi,%eax', '1: dec %eax', 'nop', 'jnz 1b', 'ret'];
    const near = assemble([fn('f', ...loop), '.nops 9', fn('g', ...LONG)].join('\n'));
    expect(choose(near, 'f').kind).toBe('island');
    const alone = assemble([fn('f', ...loop), fn('g', ...LONG)].join('\n'));
    expect(choose(alone, 'f').kind).toBe('near');
  });

  it('finds an island before the function as well', () => {
    const code = assemble(
      [fn('h', ...LONG), '.nops 9', fn('f', 'xor %eax,%eax'), fn('g', ...LONG)].join('\n'),
    );
    const { places } = choose(code, 'f');
    const h = code.functions.get('h');
    expect(places[0]?.address).toBe((h?.entry ?? 0) + (h?.sizeBytes ?? 0));
  });

  it('takes no padding that code runs through, such as that before a loop head', () => {
    const loop = ['mov $9,%ecx', '.nops 9', '1: dec %ecx', 'jnz 1b', 'jmp *%rax'];
    const code = assemble([fn('f', 'xor %eax,%eax'), fn('g', ...loop)].join('\n'));
    expect(
      isHcrError(
        refusalOf(() => choose(code, 'f')),
        'function-not-patchable',
      ),
    ).toBe(true);
  });

  // The last byte of each is c3, that of a return; what follows is a loop head's padding.
  it.each(['mov %eax,%ebx', 'add %eax,%ebx', 'mov $0xc3000000,%eax'])(
    'takes no padding that is run through after %s',
    (last) => {
      const loop = [last, '.nops 9', '1: dec %ecx', 'jnz 1b', 'jmp *%rax'];
      const code = assemble([fn('f', 'xor %eax,%eax'), fn('g', ...loop)].join('\n'));
      const refusal = refusalOf(() => choose(code, 'f'));
      expect(isHcrError(refusal, 'function-not-patchable')).toBe(true);
    },
  );

  it('does not give the same island to two functions', () => {
    const code = assemble(
      [
        fn('a', 'xor %eax,%eax'),
        fn('b', 'xor %eax,%eax'),
        fn('g', ...LONG),
        '.nops 9',
        fn('h', ...LONG),
      ].join('\n'),
    );
    const taken = choose(code, 'a').places[0];
    expect(taken).toBeDefined();
    const isTaken = (start: Addr, sizeBytes: number): boolean =>
      taken !== undefined &&
      start < taken.address + taken.sizeBytes &&
      taken.address < start + sizeBytes;
    expect(
      isHcrError(
        refusalOf(() => choose(code, 'b', isTaken)),
        'function-not-patchable',
      ),
    ).toBe(true);
  });

  it('never lets a jump cross a page, wherever the function begins', () => {
    for (let before = 0; before < 8; before++) {
      const code = assemble(
        [
          fn('pad', ...LONG),
          `.fill ${PAGE - 8 + before - 12}, 1, 0xcc`,
          fn('f', 'endbr64', ...LONG),
          '.nops 9',
          fn('g', ...LONG),
        ].join('\n'),
      );
      let places: RedirectPlaces;
      try {
        places = choose(code, 'f');
      } catch (error) {
        expect(isHcrError(error, 'function-not-patchable')).toBe(true);
        continue;
      }
      for (const place of places.places) {
        const [first, last] = pagesOf(place);
        expect(first).toBe(last);
      }
    }
  });

  it('refuses a one-byte function without room, by name and with advice', () => {
    const code = assemble([fn('f', 'ret'), fn('g', ...LONG)].join('\n'));
    const error = refusalOf(() => choose(code, 'f'));
    expect(isHcrError(error, 'function-not-patchable')).toBe(true);
    expect(String(error)).toContain('f cannot be patched');
  });
});

describe('redirectBytes', () => {
  it('are jumps that objdump reads as leading to the body, by way of the island if there is one', () => {
    const places: RedirectPlaces = {
      kind: 'island',
      places: [
        { address: addr(BASE + 100), sizeBytes: 5 },
        { address: addr(BASE), sizeBytes: 2 },
      ],
    };
    const body = addr(0x12345678);
    const [island, short] = redirectBytes(places, 'f', body, jumps);
    const code = new Uint8Array(105).fill(0x90);
    code.set(short ?? []);
    code.set(island ?? [], 100);
    shop.write('redirect.bin', code);
    const listed = shop.run(
      'objdump',
      '-D',
      '-b',
      'binary',
      '-m',
      'i386:x86-64',
      `--adjust-vma=${BASE}`,
      'redirect.bin',
    );
    expect(listed).toMatch(/401000:\teb 62\s+jmp\s+0x401064/);
    expect(listed).toMatch(/401064:\te9 .*jmp\s+0x12345678/);
  });

  it('out of a short jump’s reach are refused', () => {
    const places: RedirectPlaces = {
      kind: 'island',
      places: [
        { address: addr(BASE + 200), sizeBytes: 5 },
        { address: addr(BASE), sizeBytes: 2 },
      ],
    };
    const error = refusalOf(() => redirectBytes(places, 'f', addr(BASE), jumps));
    expect(isHcrError(error, 'out-of-reach')).toBe(true);
  });
});

describe('branchesBackInto', () => {
  const at = (entry: Addr, skip = 0): RedirectPlaces => ({
    kind: 'near',
    places: [{ address: offsetBy(entry, skip), sizeBytes: 5 }],
  });
  const check = (...body: string[]): boolean => {
    const code = assemble(fn('f', ...body));
    const { entry, sizeBytes } = code.functions.get('f') ?? { entry: addr(0), sizeBytes: 0 };
    const bytes = code.memory.read(entry, sizeBytes);
    const pad = jumps.landingPadBytes(bytes);
    return branchesBackInto(bytes, entry, at(entry, pad), decoder);
  };

  it('sees a loop whose head is the entry', () => {
    expect(check('1: dec %edi', 'jnz 1b', 'ret')).toBe(true);
    expect(check('endbr64', '1: dec %edi', 'jnz 1b', 'nop', 'ret')).toBe(true);
  });

  it('sees a branch into the middle of the bytes, and loop and jrcxz instructions', () => {
    expect(check('push %rbx', '1: dec %edi', 'nop', 'jnz 1b', 'ret')).toBe(true);
    expect(check('push %rbx', '1: dec %edi', 'nop', 'loop 1b', 'ret')).toBe(true);
    expect(check('push %rbx', '1: dec %edi', 'nop', 'jrcxz 1b', 'ret')).toBe(true);
  });

  it('does not mind a loop further on', () => {
    expect(check('push %rbx', 'mov $9,%ecx', '1: dec %ecx', 'jnz 1b', 'ret')).toBe(false);
  });

  it('takes a recursive call for what it is', () => {
    expect(check('push %rbx', 'dec %edi', 'nop', 'call f', 'pop %rbx', 'ret')).toBe(false);
  });
});
