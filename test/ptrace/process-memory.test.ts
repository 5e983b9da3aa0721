import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addr, offsetBy } from '../../src/core/address.js';
import { isHcrError } from '../../src/core/failure.js';
import type { FailureCode } from '../../src/core/failure-codes.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { BACKENDS, Programs, openTarget } from './traced-program.js';

const HOLDER = `
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
enum { PAGE = 4096 };
static char data[3 << 20];
static const char constant[] = "constant";
int f(void) { return 7; }
int main(void) {
  char *edge = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char line[8];
  for (unsigned i = 0; i < sizeof data; i++) data[i] = i * 31 + (i >> 8);
  memset(edge, 'e', 2 * PAGE);
  munmap(edge + 2 * PAGE, PAGE);
  printf("%p %p %p %p\\n", (void *)data, (void *)constant, (void *)f, (void *)(edge + 2 * PAGE));
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    printf("%s %d %d\\n", constant, f(), data[sizeof data - 1]);
    fflush(stdout);
  }
}`;

const programs = new Programs();
let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
  shop.write('holder.c', HOLDER);
  shop.run('gcc', '-O0', '-o', 'holder', 'holder.c');
});
afterEach(() => programs.endAll());
afterAll(() => shop[Symbol.dispose]());

async function start() {
  const program = await programs.start(shop.path('holder'));
  const [, ...found] = await program.lines.waitFor(/^(\S+) (\S+) (\S+) (\S+)$/);
  const [data = 0, constant = 0, code = 0, edge = 0] = found.map(Number);
  return {
    ...program,
    data: addr(data),
    constant: addr(constant),
    code: addr(code),
    edge: addr(edge),
  };
}

function failureOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

const codeOf = (failure: unknown): FailureCode | undefined =>
  isHcrError(failure) ? failure.code : undefined;

const SIZE = 3 << 20;
const expected = Uint8Array.from({ length: SIZE }, (_, i) => i * 31 + (i >> 8));

describe.each(BACKENDS)('memory of a process, through %s', (backend) => {
  it('is read as the program filled it, in pieces of every size', async () => {
    const program = await start();
    using target = openTarget(program.pid, backend);
    const { memory } = target;
    for (const [offset, length] of [
      [0, 1],
      [1, 65536],
      [4095, 65537],
      [5, (1 << 20) + 1],
      [0, SIZE],
    ] as const) {
      const bytes = memory.read(offsetBy(program.data, offset), length);
      expect(Buffer.compare(bytes, expected.subarray(offset, offset + length))).toBe(0);
    }
    expect(memory.read(program.data, 0)).toEqual(new Uint8Array());
  });

  it('that was read belongs to the reader: a later read leaves it alone', async () => {
    const program = await start();
    using target = openTarget(program.pid, backend);
    const first = target.memory.read(program.data, 64);
    target.memory.read(offsetBy(program.data, 64), 64);
    expect(first).toEqual(expected.slice(0, 64));
  });

  it('is not readable where nothing is mapped: undefined, a typed failure, or as far as it goes', async () => {
    const program = await start();
    using target = openTarget(program.pid, backend);
    const { memory } = target;
    expect(memory.tryRead(program.edge, 1)).toBeUndefined();
    expect(memory.tryRead(offsetBy(program.edge, -8), 16)).toBeUndefined();
    expect(memory.tryRead(offsetBy(program.edge, -8), 8)).toEqual(new Uint8Array(8).fill(0x65));
    expect(codeOf(failureOf(() => memory.read(offsetBy(program.edge, -8), 16)))).toBe('unexpected');
    expect(memory.readInto(offsetBy(program.edge, -4096), new Uint8Array(5000))).toBe(4096);
    expect(memory.tryRead(addr(0), 8)).toBeUndefined();
    expect(memory.tryRead(addr(2 ** 52), 8)).toBeUndefined();
  });

  it('is written where the program may write, and nowhere else', async () => {
    const program = await start();
    using target = openTarget(program.pid, backend);
    const { memory } = target;
    const bytes = new Uint8Array((1 << 20) + 7).fill(99);
    memory.writeData(offsetBy(program.data, SIZE - bytes.length), bytes);
    expect(
      Buffer.compare(memory.read(offsetBy(program.data, SIZE - bytes.length), bytes.length), bytes),
    ).toBe(0);
    expect(memory.read(program.data, 64)).toEqual(expected.slice(0, 64));
    for (const at of [program.constant, program.code, program.edge]) {
      const before = memory.tryRead(at, 1);
      expect(codeOf(failureOf(() => memory.writeData(at, Uint8Array.of(1))))).toBe('unexpected');
      expect(memory.tryRead(at, 1)).toEqual(before);
    }
    program.say('\n');
    await program.lines.waitFor(/^constant 7 99$/);
  });

  it('of code and constants is written as a debugger writes it, and the program sees it', async () => {
    const program = await start();
    using target = openTarget(program.pid, backend);
    const { memory } = target;
    memory.writeProtected(program.constant, Buffer.from('CONST'));
    const code = memory.read(program.code, 16);
    const at = code.indexOf(7);
    expect(at).toBeGreaterThan(0);
    memory.writeProtected(offsetBy(program.code, at), Uint8Array.of(42));
    program.say('\n');
    await program.lines.waitFor(/^CONSTant 42 /);
    expect(codeOf(failureOf(() => memory.writeProtected(program.edge, Uint8Array.of(1))))).toBe(
      'unsupported-target',
    );
  });

  it('of a process that is gone is target-exited, read or written', async () => {
    const program = await start();
    using target = openTarget(program.pid, backend);
    const { memory } = target;
    target.libc.kill(program.pid, 9);
    await program.ended;
    // Not memory that is not mapped.
    expect(codeOf(failureOf(() => memory.tryRead(program.data, 8)))).toBe('target-exited');
    expect(codeOf(failureOf(() => memory.read(program.data, 8)))).toBe('target-exited');
    expect(codeOf(failureOf(() => memory.writeData(program.data, new Uint8Array(8))))).toBe(
      'target-exited',
    );
    expect(codeOf(failureOf(() => memory.writeProtected(program.code, new Uint8Array(8))))).toBe(
      'target-exited',
    );
  });
});
