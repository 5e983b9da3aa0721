/** A program of the machine before: no library, so that gcc needs none of that machine's. */
import { TemporaryTree } from '../build/temporary-tree.js';
import { execFileSync } from 'node:child_process';

const SOURCE = `
/* The 32-bit calls write and pause by hand. */
static int call(int number, int a, const void *b, int c)
{
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

int f1(void)
{
    return call(4, 1, "tick\\n", 5);
}

void _start(void)
{
    f1();
    for (;;)
        call(29, 0, 0, 0);
}
`;

export function compileForX86(): Disposable & { readonly path: string } {
  const tree = new TemporaryTree({ 'main.c': SOURCE });
  const flags = ['-m32', '-O1', '-g', '-ffreestanding', '-fno-stack-protector', '-nostdlib'];
  execFileSync('gcc', [...flags, '-static', '-no-pie', '-o', 'main', 'main.c'], { cwd: tree.path });
  return {
    path: tree.at('main'),
    [Symbol.dispose]: () => tree[Symbol.dispose](),
  };
}
