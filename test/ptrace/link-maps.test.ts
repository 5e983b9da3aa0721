/** Lists of the dynamic linker in the memory of a process that lies. */
import { expect, it } from 'vitest';
import { addr, loadBias } from '../../src/core/address.js';
import { PT } from '../../src/elf/constants.js';
import { openElf } from '../../src/elf/elf-file.js';
import type { LoadedModule } from '../../src/elf/loaded-module.js';
import { readLoaderFacts } from '../../src/ptrace/link-maps.js';
import { useSamples } from '../elf/samples.js';
import { FakeMemory } from '../patch/fake-memory.js';

const samples = useSamples();

const BASE = 0x10000;
const SIZE_BYTES = 0x10000;
const R_DEBUG = 0x8000;
const MAPS = 0x9000;
const DT_DEBUG = 21;

/** A process of one program, with a list of link maps.
 *  @param maps for each its dynamic section and the next in the list; 0 for none */
function process(maps: readonly (readonly [dynamic: bigint, next: bigint])[]) {
  const file = openElf(samples.path('pie'));
  const segment = file.segments.find(({ type }) => type === PT.DYNAMIC) ?? expect.fail('static');
  const view = new DataView(new ArrayBuffer(SIZE_BYTES));
  view.setBigUint64(segment.address, BigInt(DT_DEBUG), true);
  view.setBigUint64(segment.address + 8, BigInt(BASE + R_DEBUG), true);
  view.setBigUint64(R_DEBUG + 8, BigInt(BASE + MAPS), true);
  maps.forEach(([dynamic, next], i) => {
    view.setBigUint64(MAPS + i * 64 + 16, dynamic, true);
    view.setBigUint64(MAPS + i * 64 + 24, next, true);
  });
  const module: LoadedModule = {
    ...{ path: '/bin/app', name: 'app', bias: loadBias(BASE), isExecutable: true, file },
    range: { start: addr(BASE), end: addr(BASE + SIZE_BYTES) },
    ...{ loader: undefined, writtenAtMs: 0 },
  };
  let reads = 0;
  const memory = new (class extends FakeMemory {
    override tryRead(...args: Parameters<FakeMemory['tryRead']>) {
      reads++;
      return super.tryRead(...args);
    }
  })(BASE, new Uint8Array(view.buffer));
  const own = BigInt(BASE + segment.address);
  return { module, memory, own, reads: () => reads };
}

const dynamicOf = BigInt(BASE) + BigInt(0x100);
const mapAt = (i: number): bigint => BigInt(BASE + MAPS + i * 64);

it('a list in order is read', () => {
  const { own } = process([]);
  const { module, memory } = process([
    [dynamicOf, mapAt(1)],
    [own, 0n],
  ]);
  expect(readLoaderFacts([module], memory).get(module)).toMatchObject({ order: 1, namespace: 0 });
});

it('a list that is a circle is gone through once', () => {
  const { own } = process([]);
  const { module, memory, reads } = process([
    [dynamicOf, mapAt(1)],
    [own, mapAt(0)],
  ]);
  expect(readLoaderFacts([module], memory).get(module)).toMatchObject({ order: 1 });
  expect(reads()).toBeLessThan(20);
});

it.each([2n ** 64n - 1n, 2n ** 63n, 2n ** 53n, 1n])(
  'a list that goes on at 0x%s ends before it',
  (nowhere) => {
    const { own } = process([]);
    for (const maps of [
      [[own, nowhere]],
      [
        [own, mapAt(1)],
        [nowhere, mapAt(0)],
      ],
    ] as const) {
      const { module, memory } = process(maps);
      expect(readLoaderFacts([module], memory).get(module)).toMatchObject({ order: 0 });
    }
  },
);
