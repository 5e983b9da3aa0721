/** What a record says is compared with what is at its entries. */
import { describe, expect, it } from 'vitest';
import { jumps } from '../../src/arch/x86-64/jumps.js';
import { type Addr, addr, offsetBy } from '../../src/core/address.js';
import { EMPTY_LEDGER, type Ledger } from '../../src/patch/ledger.js';
import { contradiction } from '../../src/patch/ledger-evidence.js';
import { FakeMemory } from './fake-memory.js';

const ENTRY = addr(0x401000);
const ORIGINAL = Uint8Array.of(0x55, 0x48, 0x89, 0xe5, 0x90);
const AREA = { start: addr(0x500000), end: addr(0x504000) };
const BODY = addr(0x503000);
const LATER = addr(0x503100);

const ledger: Ledger = {
  ...EMPTY_LEDGER,
  areas: [
    {
      start: AREA.start,
      sizeBytes: AREA.end - AREA.start,
      parts: {
        data: { start: addr(0x501000), end: addr(0x502000) },
        readonly: { start: addr(0x502000), end: addr(0x503000) },
        code: { start: addr(0x503000), end: addr(0x504000) },
      },
    },
  ],
  entries: [
    {
      ...{ entry: ENTRY, name: 'f', module: '/bin/app', sizeBytes: 64, branchesBack: false },
      originals: [{ address: ENTRY, bytes: ORIGINAL }],
    },
  ],
  generations: [
    {
      ...{ number: 1, parent: 0, publishedAt: '', blocks: [], variables: [], frameIndexes: [] },
      retired: false,
      bodies: [
        {
          ...{ name: 'f', module: '/bin/app', entry: ENTRY, start: BODY, sizeBytes: 32, cold: [] },
          ...{ target: BODY, fingerprint: '', reason: 'requested' },
        },
      ],
    },
  ],
  current: 1,
};

const jumpTo = (to: Addr): Uint8Array => jumps.near(ENTRY, to) ?? expect.fail('out of reach');

const judge = (record: Ledger, atEntry: Uint8Array, areas = [AREA]): string | undefined =>
  contradiction(record, areas, new FakeMemory(ENTRY, atEntry), jumps);

describe('a record is believed', () => {
  it.each([
    { when: 'its entry leads to its body', bytes: jumpTo(BODY) },
    { when: 'a library was loaded anew', bytes: ORIGINAL },
    { when: 'another library is there now', bytes: Uint8Array.of(1, 2, 3, 4, 5) },
    { when: 'the entry jumps somewhere in the program', bytes: jumpTo(addr(0x402000)) },
  ])('when $when', ({ bytes }) => {
    expect(judge(ledger, bytes)).toBeUndefined();
  });

  it('when nothing is at the entry any more', () => {
    const nowhere = new FakeMemory(0x1000, new Uint8Array(1));
    expect(contradiction(ledger, [AREA], nowhere, jumps)).toBeUndefined();
  });

  it('when a patch is under way between states that the entry can have', () => {
    const write = { address: ENTRY, before: ORIGINAL, after: jumpTo(BODY) };
    const pending = { from: 0, to: 1, created: true, writes: [write] };
    expect(judge({ ...ledger, pending }, ORIGINAL)).toBeUndefined();
  });
});

describe('a record is not believed', () => {
  it('when its entry leads to code of hcr that it does not know', () => {
    expect(judge(ledger, jumpTo(LATER))).toContain('does not know');
    // Not the body itself but a byte of it.
    expect(judge(ledger, jumpTo(offsetBy(BODY, 1)))).toContain('does not know');
  });

  it('when it names memory that hcr does not have in the process', () => {
    expect(judge(ledger, jumpTo(BODY), [])).toContain('not hcr’s');
    const longer = { start: AREA.start, end: offsetBy(AREA.end, 0x1000) };
    expect(judge(ledger, jumpTo(BODY), [longer])).toContain('not hcr’s');
  });

  it.each([
    { what: 'bytes', before: ORIGINAL, after: Uint8Array.of(0xcc, 0xcc, 0xcc, 0xcc, 0xcc) },
    { what: 'other bytes before', before: Uint8Array.of(9, 9, 9, 9, 9), after: ORIGINAL },
    { what: 'a jump to no body', before: ORIGINAL, after: jumpTo(LATER) },
    { what: 'a part of an entry', before: ORIGINAL.slice(1), after: ORIGINAL.slice(1) },
  ])('when a patch under way writes $what', ({ before, after }) => {
    const pending = { from: 0, to: 1, created: true, writes: [{ address: ENTRY, before, after }] };
    expect(judge({ ...ledger, pending }, ORIGINAL)).toContain('no patch writes');
  });
});
