/**
 * The program writes where hcr keeps its record: by accident, or a record of its own that is whole
 * and lies. hcr says `ledger-corrupt`, and the program, which stands still meanwhile, is byte for
 * byte as it was.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attachFunctions } from '../../src/app/attach.js';
import { rollBack } from '../../src/app/rollback.js';
import { readStatus } from '../../src/app/status.js';
import { type Addr, addr, offsetBy, pid as toPid } from '../../src/core/address.js';
import { isHcrError } from '../../src/core/failure.js';
import { decodeSlot, encodeSlot } from '../../src/patch/ledger-codec.js';
import type { Body, EntryRecord, GenerationRecord, Ledger } from '../../src/patch/ledger.js';
import { LEDGER_BYTES, LEDGER_SLOT_BYTES, findAreas } from '../../src/ptrace/patch-area.js';
import { readMaps } from '../../src/ptrace/procfs.js';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { refusalOf } from '../support/hcr.js';
import { NOTHING, changesDuring } from '../support/memory-snapshot.js';
import { type Target, startTarget } from '../support/target.js';
import { nextTick } from '../support/ticks.js';

const OPTIONS = { dryRun: false, unchecked: false, timeoutMs: 20_000 };
const QUIETLY = (): void => undefined;

let fixture: Fixture;
let target: Target;
/** The record as it is after the first patch, and after the second. */
let first: Uint8Array;
let sound: Uint8Array;

/** What the program itself could write there. */
class LedgerPages {
  private readonly start: Addr;

  constructor() {
    this.start = findAreas(readMaps(toPid(target.pid)))[0]?.start ?? expect.fail('no area');
  }

  read(): Uint8Array {
    const bytes = new Uint8Array(LEDGER_BYTES);
    this.with((file) => readSync(file, bytes, 0, bytes.length, this.start));
    return bytes;
  }

  write(bytes: Uint8Array, offset = 0): void {
    this.with((file) => writeSync(file, bytes, 0, bytes.length, offsetBy(this.start, offset)));
  }

  private with(use: (file: number) => void): void {
    const file = openSync(`/proc/${target.pid}/mem`, 'r+');
    try {
      use(file);
    } finally {
      closeSync(file);
    }
  }
}

function attachVersion(version: number): Promise<unknown> {
  const object = fixture.path(`work-${version}.o`);
  return attachFunctions(target.pid, ['work_0', 'work_7'], { ...OPTIONS, object }, QUIETLY);
}

/** Reads on until the program tells of these versions. */
async function runsVersion(version: number): Promise<void> {
  target.lines.skipArrived();
  for (;;) {
    const tick = await nextTick(target);
    expect(tick['wrong']).toBe('0');
    const versions = (tick['versions'] ?? '').split(',').map(Number);
    if (versions[0] === version && versions[7] === version) return;
  }
}

beforeAll(async () => {
  fixture = await buildFixture('soak');
  for (const version of [1, 2, 3]) {
    const object = `work-${version}.o`;
    await fixture.run('gcc', '-O2', '-g', `-DVERSION=${version}`, '-c', '-o', object, 'work.c');
  }
  target = await startTarget(fixture.program);
  await nextTick(target);
  await attachVersion(1);
  first = new LedgerPages().read();
  await attachVersion(2);
  sound = new LedgerPages().read();
});

afterAll(async () => {
  await target[Symbol.asyncDispose]();
  fixture[Symbol.dispose]();
});

async function codeOf(change: Promise<unknown>): Promise<string> {
  try {
    await change;
    return 'done';
  } catch (error) {
    if (isHcrError(error)) return error.code;
    throw error;
  }
}

/** Neither a patch nor a rollback nor a look is made by a record like this. */
async function expectRefused(pages: Uint8Array): Promise<void> {
  const { pid } = target;
  const ledger = new LedgerPages();
  ledger.write(pages);
  try {
    const codes: string[] = [];
    const changes = await changesDuring(pid, async () => {
      const back = { to: 0, dryRun: false, timeoutMs: 1000 };
      codes.push(await codeOf(attachVersion(3)));
      codes.push(await codeOf(rollBack(pid, back, QUIETLY)));
      codes.push(await codeOf(Promise.resolve().then(() => readStatus(pid))));
    });
    expect(codes).toEqual(['ledger-corrupt', 'ledger-corrupt', 'ledger-corrupt']);
    expect(changes).toEqual(NOTHING);
  } finally {
    ledger.write(sound);
  }
  await runsVersion(2);
}

describe('a ledger that the program has scribbled over is refused', () => {
  it.each([
    { how: 'with junk', scribble: (bytes: Uint8Array) => bytes.map((_, i) => (i * 7 + 1) % 251) },
    { how: 'with zeros', scribble: (bytes: Uint8Array) => bytes.fill(0) },
    {
      how: 'in the middle of each copy',
      scribble: (bytes: Uint8Array) =>
        [0, LEDGER_SLOT_BYTES].reduce((all, at) => all.fill(0x20, at + 100, at + 140), bytes),
    },
    {
      how: 'from some way into each copy to its end',
      scribble: (bytes: Uint8Array) =>
        [0, LEDGER_SLOT_BYTES].reduce((all, at) => all.fill(0, at + 200, at + 90_000), bytes),
    },
    { how: 'with an older copy of itself', scribble: () => first },
  ])('$how', async ({ scribble }) => {
    await expectRefused(scribble(sound.slice()));
  });

  it('as the command tells it', async () => {
    new LedgerPages().write(new Uint8Array(LEDGER_BYTES).fill(0xff));
    const refusal = await refusalOf(['rollback', target.pid]);
    new LedgerPages().write(sound);
    expect(refusal).toMatchObject({ exitCode: 4, code: 'ledger-corrupt' });
    expect(refusal.hint).toMatch(/\w/);
  });
});

type Lie = (ledger: Ledger) => Ledger;

const inGenerations =
  (change: (generation: GenerationRecord) => Partial<GenerationRecord>): Lie =>
  (ledger) => ({
    ...ledger,
    generations: ledger.generations.map((each) => ({ ...each, ...change(each) })),
  });

const inBodies = (change: (body: Body) => Partial<Body>): Lie =>
  inGenerations(({ bodies }) => ({ bodies: bodies.map((each) => ({ ...each, ...change(each) })) }));

const inEntries =
  (change: (entry: EntryRecord) => Partial<EntryRecord>): Lie =>
  (ledger) => ({
    ...ledger,
    entries: ledger.entries.map((each) => ({ ...each, ...change(each) })),
  });

const FAR = 64 << 20;
const HUGE = 2 ** 52;

/** Each is whole, and has the right checksum. */
const LIES: readonly { readonly lie: string; readonly tell: Lie }[] = [
  {
    lie: 'memory of the program is an area',
    tell: (ledger) => ({
      ...ledger,
      areas: [
        ...ledger.areas,
        {
          start: addr(0x10000),
          sizeBytes: 0x3000,
          parts: {
            data: { start: addr(0x10000), end: addr(0x11000) },
            readonly: { start: addr(0x11000), end: addr(0x12000) },
            code: { start: addr(0x12000), end: addr(0x13000) },
          },
        },
      ],
    }),
  },
  {
    lie: 'an area is larger than it is',
    tell: (ledger) => ({
      ...ledger,
      areas: ledger.areas.map((area) => ({
        ...area,
        sizeBytes: area.sizeBytes + FAR,
        parts: {
          ...area.parts,
          code: { start: area.parts.code.start, end: offsetBy(area.parts.code.end, FAR) },
        },
      })),
    }),
  },
  {
    lie: 'bodies are outside the areas',
    tell: inBodies(({ start }) => ({ start: offsetBy(start, FAR) })),
  },
  {
    lie: 'entries lead out of the areas',
    tell: inBodies(({ target: to }) => ({ target: offsetBy(to, FAR) })),
  },
  {
    lie: 'entries lead to other places of an area',
    tell: inBodies(({ target: to }) => ({ target: offsetBy(to, 1) })),
  },
  { lie: 'bodies are huge', tell: inBodies(() => ({ sizeBytes: HUGE })) },
  { lie: 'functions are huge', tell: inEntries(() => ({ sizeBytes: HUGE })) },
  {
    lie: 'memory in use is huge',
    tell: inGenerations(({ blocks }) => ({
      blocks: blocks.map((block) => ({ ...block, sizeBytes: HUGE })),
    })),
  },
  {
    lie: 'an index of frames is everywhere',
    tell: inGenerations(() => ({ frameIndexes: [{ start: addr(0x1000), end: addr(HUGE) }] })),
  },
  {
    lie: 'a new variable is the program’s',
    tell: inGenerations(() => ({
      variables: [{ module: 'm', key: 'k', start: addr(0x10000), sizeBytes: 8 }],
    })),
  },
  {
    lie: 'each generation is its own parent',
    tell: inGenerations(({ number }) => ({ parent: number })),
  },
  {
    lie: 'generations are each other’s parents',
    tell: inGenerations(({ number }) => ({ parent: 3 - number })),
  },
  { lie: 'a generation is live that never was', tell: (ledger) => ({ ...ledger, current: 7 }) },
  {
    lie: 'a redirect is written far from its function',
    tell: inEntries(({ originals }) => ({
      originals: originals.map(({ address, bytes }) => ({
        address: offsetBy(address, FAR),
        bytes,
      })),
    })),
  },
  {
    lie: 'a patch under way has written what no patch writes',
    tell: (ledger) => ({
      ...ledger,
      pending: {
        ...{ from: 1, to: 2, created: false },
        writes: ledger.entries.flatMap(({ originals }) =>
          originals.map(({ address, bytes }, i) => ({
            address,
            before: bytes.map(() => 0xcc),
            after: i % 2 === 0 ? bytes : bytes.map(() => 0x90),
          })),
        ),
      },
    }),
  },
];

describe('a record that is whole and lies is refused', () => {
  it.each(LIES)('$lie', async ({ tell }) => {
    const copies = [0, LEDGER_SLOT_BYTES].flatMap(
      (at) => decodeSlot(sound.subarray(at, at + LEDGER_SLOT_BYTES), target.pid) ?? [],
    );
    const newest = copies.toSorted((a, b) => b.sequence - a.sequence)[0];
    const slot = newest ?? expect.fail('no record');
    const forged = encodeSlot(
      { sequence: slot.sequence + 1, ledger: tell(slot.ledger) },
      LEDGER_SLOT_BYTES,
    );
    const pages = sound.slice();
    for (const at of [0, LEDGER_SLOT_BYTES]) pages.set(forged, at);
    await expectRefused(pages);
  });
});

it('then its own record is believed again, to the end', async () => {
  await attachVersion(3);
  await runsVersion(3);
  await rollBack(target.pid, { to: 0, dryRun: false, timeoutMs: 20_000 }, QUIETLY);
  await runsVersion(0);
  expect(await target.stop()).toEqual({ code: 0, signal: null });
});
