/** Module ids and thread-pointer offsets of live modules, against what gdb says of a thread. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { ProcessImage } from '../../src/app/observe.js';
import type { LoadedModule } from '../../src/elf/loaded-module.js';
import { ThreadStorage } from '../../src/link/thread-storage.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { type Target, startTarget } from '../support/target.js';

const LIBRARY = (name: string): string => `
  static __thread long pad_${name}[3] = {1, 2, 3};
  __thread long in_${name} = 7;
  long ${name}(void) { return in_${name}++ + pad_${name}[1]; }`;
const MAIN = `
  #include <dlfcn.h>
  #include <stdio.h>
  #include <unistd.h>
  __thread char shift[5]; __thread long in_main = 3; long linked(void);
  int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
      long (*fn)(void) = (long (*)(void))dlsym(dlopen(argv[i], RTLD_NOW), i == 1 ? "opened" : "fixed");
      in_main += fn();
    }
    in_main += linked() + shift[2];
    puts("ready"); fflush(stdout); for (;;) pause();
  }`;

let shop: Workshop;
let target: Target;
let image: ProcessImage;
let said: string;

beforeAll(async () => {
  shop = new Workshop();
  for (const name of ['linked', 'opened', 'fixed']) {
    shop.write(`${name}.c`, LIBRARY(name));
    const model = name === 'fixed' ? 'initial-exec' : 'global-dynamic';
    shop.run(
      'gcc',
      '-g',
      '-O1',
      '-fPIC',
      '-shared',
      `-ftls-model=${model}`,
      `${name}.c`,
      '-o',
      `lib${name}.so`,
    );
  }
  shop.write('main.c', MAIN);
  shop.run(
    'gcc',
    '-g',
    '-O1',
    'main.c',
    '-o',
    'main',
    shop.path('liblinked.so'),
    '-ldl',
    '-lpthread',
  );
  target = await startTarget(shop.path('main'), [
    shop.path('libopened.so'),
    shop.path('libfixed.so'),
  ]);
  await target.waitForLine(/ready/);
  const show = ['main', 'linked', 'opened', 'fixed'].flatMap((name) => [
    '-ex',
    `output/d (long)&in_${name} - (long)$fs_base`,
    '-ex',
    `echo \\ in_${name}\\n`,
  ]);
  said = shop.run('gdb', '-q', '-nx', '-batch', '-p', String(target.pid), ...show);
  image = ProcessImage.of(target.pid);
});
afterAll(async () => {
  image[Symbol.dispose]();
  await target[Symbol.asyncDispose]();
  shop[Symbol.dispose]();
});

function moduleOf(name: string): LoadedModule {
  const file = name === 'main' ? 'main' : `lib${name}.so`;
  const module = image.modules.find((each) => each.name === file);
  if (module === undefined) throw new Error(`${file} is not loaded`);
  return module;
}

function offsetIn(name: string): number {
  const [symbol] = moduleOf(name).file.symbols().findByName(`in_${name}`);
  return symbol?.value ?? NaN;
}

describe('the thread-local block of a module', () => {
  it.each(['main', 'linked', 'fixed'])('is where gdb has it, for every thread: %s', (name) => {
    const { threadOffset = NaN } = image.symbols.threads.blockOf(moduleOf(name));
    const [, byGdb] = new RegExp(`(-?\\d+) in_${name}`).exec(said) ?? [];
    expect(threadOffset + offsetIn(name)).toBe(Number(byGdb));
  });

  it('has no place in common when dlopen gave it to each thread apart', () => {
    const block = image.symbols.threads.blockOf(moduleOf('opened'));
    expect(block.threadOffset).toBeUndefined();
    expect(block.moduleId).toBeGreaterThan(2);
  });

  it('has an id of its own', () => {
    const ids = ['main', 'linked', 'opened', 'fixed'].map(
      (name) => image.symbols.threads.blockOf(moduleOf(name)).moduleId,
    );
    expect(ids[0]).toBe(1);
    expect(new Set(ids).size).toBe(4);
  });

  it('has its id also where the C library describes nothing: by the module’s own slots', () => {
    const { memory } = image.target;
    const undescribed = [moduleOf('main'), moduleOf('linked'), moduleOf('opened')];
    const threads = new ThreadStorage(undescribed, memory, x8664);
    for (const name of ['linked', 'opened']) {
      const { moduleId } = image.symbols.threads.blockOf(moduleOf(name));
      expect(threads.blockOf(moduleOf(name))).toEqual({ moduleId, threadOffset: undefined });
    }
  });
});
