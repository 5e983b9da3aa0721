/** The ledger, whose checksum the program can make right, and what hcr works out from it. */
import { crc32 } from 'node:zlib';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { addr } from '../../src/core/address.js';
import { PARTS } from '../../src/core/part.js';
import { freeRanges } from '../../src/patch/allocation.js';
import { SLOT_HEADER_BYTES, decodeSlot, encodeSlot } from '../../src/patch/ledger-codec.js';
import {
  type Ledger,
  bodiesAt,
  blocksInUse,
  lineage,
  nextGeneration,
  sharingBetween,
} from '../../src/patch/ledger.js';
import { writesTo } from '../../src/patch/plan.js';
import { forgetRetired, retire, supersededGenerations } from '../../src/patch/retire.js';
import { changeCount, mutateBytes } from '../mutate-bytes.js';
import type { Random } from '../../test/support/random.js';
import { type Target, attempt } from '../target.js';

const PID = 1;
const SLOT_BYTES = 1 << 18;
const AREA = 0x7f00_0000_0000;

const range = (start: number, sizeBytes: number) => ({
  start: addr(start),
  end: addr(start + sizeBytes),
});

function bodyOf(entry: number, start: number) {
  return {
    ...{ name: 'f', module: '/bin/app', source: 'app.c:1', entry: addr(entry), start: addr(start) },
    ...{ sizeBytes: 64, cold: [range(start + 64, 16)], target: addr(start), fingerprint: 'x' },
    reason: 'requested' as const,
  };
}

const LEDGER: Ledger = {
  areas: [
    {
      start: addr(AREA),
      sizeBytes: 0x40_0000,
      parts: {
        data: range(AREA + 0x10_0000, 0x8_0000),
        readonly: range(AREA + 0x18_0000, 0x8_0000),
        code: range(AREA + 0x20_0000, 0x20_0000),
      },
    },
  ],
  entries: [0x7eff_fff0_1000, 0x7eff_fff0_2000].map((entry) => ({
    ...{ entry: addr(entry), name: 'f', module: '/bin/app', sizeBytes: 64, branchesBack: false },
    originals: [{ address: addr(entry), bytes: Uint8Array.of(1, 2, 3, 4, 5) }],
  })),
  generations: [1, 2, 3].map((number) => ({
    ...{ number, parent: number - 1, publishedAt: '2025-01-01T00:00:00.000Z', retired: false },
    bodies: [bodyOf(0x7eff_fff0_1000, AREA + 0x20_0000 + number * 256)],
    blocks: [
      { part: 'code' as const, start: addr(AREA + 0x20_0000 + number * 256), sizeBytes: 128 },
    ],
    variables:
      number === 2 ? [{ module: 'm', key: 'k', start: addr(AREA + 0x10_0000), sizeBytes: 4 }] : [],
    shared: [{ name: 't', entries: [addr(0x7eff_fff0_1000)] }],
    frameIndexes: [range(AREA + 0x18_0000, 32)],
  })),
  unwinders: [
    {
      ...{
        entry: addr(0x7eff_fff0_2000),
        search: addr(AREA + 0x20_0000),
        slot: addr(AREA + 0x18_0100),
      },
      blocks: [],
    },
  ],
  current: 2,
  highest: 3,
  pending: {
    ...{ from: 2, to: 3, created: true },
    writes: [
      {
        address: addr(0x7eff_fff0_1000),
        before: Uint8Array.of(1, 2, 3, 4, 5),
        after: Uint8Array.of(0xe9, 2, 3, 4, 5),
      },
    ],
  },
};

/** The payload of a slot behind a header that vouches for it. */
function vouchedFor(payload: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(SLOT_HEADER_BYTES + payload.length);
  bytes.write('hcrledg1', 0, 'latin1');
  bytes.writeBigUInt64LE(1n, 8);
  bytes.writeBigUInt64LE(BigInt(payload.length), 16);
  bytes.set(payload, SLOT_HEADER_BYTES);
  bytes.writeUInt32LE(crc32(payload, crc32(bytes.subarray(0, 24))), 24);
  return bytes;
}

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesIn(holder[key])]);
}

const VALUES: readonly unknown[] = [
  ...[0, 1, 2, 3, 5, -1, 0.5, 2 ** 31, 2 ** 32, 2 ** 47, 2 ** 53 - 1, 2 ** 53, 1e300],
  ...['', 'code', 'data', 'AAAA', '!', null, true, false, [], {}, [[]], [{}]],
];

/** Replaces, moves, doubles or removes values: records that are whole, and lie. */
function mutateRecord(
  input: Uint8Array,
  random: Random,
  others: readonly Uint8Array[],
): Uint8Array {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(input).toString('utf8'));
  } catch {
    return mutateBytes(input, random, others);
  }
  if (random.below(10) === 0) return mutateBytes(input, random, others);
  for (let i = changeCount(random); i > 0; i--) {
    const places = placesIn(json);
    const place = random.of(places);
    const other = random.of(places);
    if (place === undefined || other === undefined) break;
    const { holder, key } = place;
    const value = holder[key];
    switch (random.below(6)) {
      case 0:
        holder[key] = structuredClone(random.of(VALUES));
        break;
      case 1:
        holder[key] = structuredClone(other.holder[other.key]);
        break;
      case 2:
        // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
        delete holder[key];
        break;
      case 3:
        if (Array.isArray(value))
          value.push(structuredClone(random.of(value) ?? random.of(VALUES)));
        break;
      default:
        if (typeof value === 'number') holder[key] = value + random.below(65) - 32;
        else holder[key] = structuredClone(random.of(VALUES));
    }
  }
  return new Uint8Array(Buffer.from(JSON.stringify(json ?? null), 'utf8'));
}

/** All that is made of a record before anything is read or written by it. What is pending is
 *  settled first. */
function use({ pending: _, ...ledger }: Ledger): void {
  const numbers = [0, ...ledger.generations.map(({ number }) => number)];
  nextGeneration(ledger);
  for (const number of numbers.slice(0, 8)) {
    lineage(ledger, number);
    bodiesAt(ledger, number);
    sharingBetween(ledger, ledger.current, number);
    try {
      writesTo(ledger, number, x8664.jumps);
    } catch (error) {
      // A body that is too far from its entry.
      if (!(error instanceof Error) || !/reach/.test(error.message)) throw error;
    }
  }
  for (const area of ledger.areas) {
    for (const part of PARTS) freeRanges(area, part, blocksInUse(ledger));
  }
  const superseded = supersededGenerations(ledger).map(({ number }) => number);
  const retired = forgetRetired(retire(ledger, new Set(superseded)));
  // What it works out from a record that it accepts is one that it accepts.
  const again = decodeSlot(encodeSlot({ sequence: 2, ledger: retired }, SLOT_BYTES), PID);
  if (again === undefined) throw new Error('its own record is not whole');
}

export const ledger: Target = {
  name: 'ledger',
  seeds: () => [
    {
      name: 'ledger',
      bytes: encodeSlot({ sequence: 1, ledger: LEDGER }, SLOT_BYTES).slice(SLOT_HEADER_BYTES),
    },
  ],
  mutate: mutateRecord,
  run: (input) => {
    attempt(() => decodeSlot(input, PID));
    const slot = decodeSlot(vouchedFor(input), PID);
    if (slot !== undefined) use(slot.ledger);
  },
};
