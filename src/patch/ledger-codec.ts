/**
 * The ledger as bytes in the target's memory.
 *
 * Two slots are written in turn, each with a sequence number and a checksum over its whole
 * content; the valid one with the higher number counts. A write that was cut off leaves the other
 * slot, so the record is whole whenever hcr is killed. The program can write here too, by accident
 * or on purpose: everything is checked, and what does not fit is `ledger-corrupt`.
 */
import { crc32, deflateSync, inflateSync } from 'node:zlib';
import { type Addr, addr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { PARTS, type Part } from '../core/part.js';
import {
  type Area,
  type Block,
  type Body,
  type CodeWrite,
  type EntryRecord,
  type GenerationRecord,
  type GivenInitialiser,
  type Ledger,
  type NewVariable,
  type OriginalBytes,
  type Pending,
  type SharedType,
  type Unwinder,
} from './ledger.js';
import { assertConsistent } from './ledger-consistency.js';

/** "hcrledg1", little-endian. */
const MAGIC = 0x3167_6465_6c72_6368n;
export const SLOT_HEADER_BYTES = 32;
const OFFSET = { magic: 0, sequence: 8, lengthBytes: 16, checksum: 24 } as const;

/** Of JSON; a longer record, of a patch of very many functions, is compressed. Its many names and
 *  addresses shrink to a fifth. */
const MAX_PLAIN_BYTES = 384 << 10;
/** Of a record that is taken out of a slot. */
const MAX_RECORD_BYTES = 1 << 26;
/** How JSON begins, and nothing that zlib writes. @see RFC 1950, 2.2 */
const OPENING_BRACE = 0x7b;

/** The content of a slot. Its payload starts after the header. */
export interface Slot {
  readonly sequence: number;
  readonly ledger: Ledger;
}

/** @throws HcrError `out-of-memory` when the record does not fit the slot */
export function encodeSlot(slot: Slot, slotBytes: number): Uint8Array {
  const payload = payloadOf(slot.ledger);
  if (SLOT_HEADER_BYTES + payload.length > slotBytes) {
    throw new HcrError({
      code: 'out-of-memory',
      detail: `its ledger holds ${slotBytes} bytes and is full`,
    });
  }
  const bytes = Buffer.alloc(SLOT_HEADER_BYTES + payload.length);
  bytes.writeBigUInt64LE(MAGIC, OFFSET.magic);
  bytes.writeBigUInt64LE(BigInt(slot.sequence), OFFSET.sequence);
  bytes.writeBigUInt64LE(BigInt(payload.length), OFFSET.lengthBytes);
  bytes.set(payload, SLOT_HEADER_BYTES);
  bytes.writeUInt32LE(crc32(payload, crc32(bytes.subarray(0, OFFSET.checksum))), OFFSET.checksum);
  return bytes;
}

/** What a record takes of a slot, unless it is so long that it is compressed. */
export function plainBytes(record: Ledger | GenerationRecord): number {
  return Buffer.byteLength(JSON.stringify(record, replacer), 'utf8');
}

function payloadOf(ledger: Ledger): Uint8Array {
  const plain = Buffer.from(JSON.stringify(ledger, replacer), 'utf8');
  return plain.length <= MAX_PLAIN_BYTES ? plain : deflateSync(plain, { level: 1 });
}

function textIn(payload: Uint8Array): string {
  const plain =
    payload[0] === OPENING_BRACE
      ? payload
      : inflateSync(payload, { maxOutputLength: MAX_RECORD_BYTES });
  return Buffer.from(plain).toString('utf8');
}

/** The record in a slot; undefined when the slot was never, or not wholly, written.
 *  @throws HcrError `ledger-corrupt` when it is whole but makes no sense */
export function decodeSlot(bytes: Uint8Array, pid: number): Slot | undefined {
  if (bytes.length < SLOT_HEADER_BYTES) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.readBigUInt64LE(OFFSET.magic) !== MAGIC) return undefined;
  const lengthBytes = buffer.readBigUInt64LE(OFFSET.lengthBytes);
  if (lengthBytes > BigInt(bytes.length - SLOT_HEADER_BYTES)) return undefined;
  const payload = buffer.subarray(SLOT_HEADER_BYTES, SLOT_HEADER_BYTES + Number(lengthBytes));
  const checksum = crc32(payload, crc32(buffer.subarray(0, OFFSET.checksum)));
  if (buffer.readUInt32LE(OFFSET.checksum) !== checksum) return undefined;
  try {
    const ledger = readLedger(JSON.parse(textIn(payload)));
    return { sequence: count(Number(buffer.readBigUInt64LE(OFFSET.sequence))), ledger };
  } catch (error) {
    throw new HcrError({ code: 'ledger-corrupt', pid, detail: String(error) }, { cause: error });
  }
}

/** Whether a slot's header was ever written. */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function replacer(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}

type Json = Readonly<Record<string, unknown>>;

function record(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('not a record');
  return value as Json;
}

function list<T>(value: unknown, read: (item: Json) => T): T[] {
  if (!Array.isArray(value)) throw new TypeError('not a list');
  return value.map((item) => read(record(item)));
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('not a string');
  return value;
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new TypeError('not a count');
  return value;
}

/** More than anybody publishes, and far from where numbers lose their last digit. */
const HIGHEST_GENERATION = 2 ** 31;

function generationNumber(value: unknown): number {
  const number = count(value);
  if (number > HIGHEST_GENERATION) throw new TypeError('no number of a generation');
  return number;
}

function flag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError('not a flag');
  return value;
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw new TypeError(`none of ${allowed.join(', ')}`);
  return found;
}

const address = (value: unknown): Addr => addr(count(value));
const base64 = (value: unknown): Uint8Array => Uint8Array.from(Buffer.from(text(value), 'base64'));

function readLedger(value: unknown): Ledger {
  const json = record(value);
  const ledger: Ledger = {
    areas: list(json['areas'], readArea),
    entries: list(json['entries'], readEntry),
    generations: list(json['generations'], readGeneration),
    // Absent in a record of an hcr that did not know of them.
    unwinders: list(json['unwinders'] ?? [], readUnwinder),
    current: count(json['current']),
    ...readGiven(json['initialisers']),
    ...(json['highest'] === undefined ? {} : { highest: generationNumber(json['highest']) }),
    ...(json['pending'] === undefined ? {} : { pending: readPending(record(json['pending'])) }),
  };
  assertConsistent(ledger);
  return ledger;
}

function readRange(value: unknown): { start: Addr; end: Addr } {
  const json = record(value);
  const start = address(json['start']);
  const end = address(json['end']);
  if (end < start) throw new TypeError('a range that ends before it starts');
  return { start, end };
}

function readArea(json: Json): Area {
  const parts = record(json['parts']);
  return {
    start: address(json['start']),
    sizeBytes: count(json['sizeBytes']),
    parts: Object.fromEntries(
      PARTS.map((part) => [part, readRange(parts[part])]),
    ) as unknown as Area['parts'],
  };
}

const REASONS = ['requested', 'clone', 'inlined', 'changed', 'new'] as const;

function readBody(json: Json): Body {
  return {
    name: text(json['name']),
    module: text(json['module']),
    ...(json['label'] === undefined ? {} : { label: text(json['label']) }),
    ...(json['source'] === undefined ? {} : { source: text(json['source']) }),
    entry: address(json['entry']),
    start: address(json['start']),
    sizeBytes: count(json['sizeBytes']),
    cold: list(json['cold'], readRange),
    target: address(json['target']),
    fingerprint: text(json['fingerprint']),
    reason: oneOf(json['reason'], REASONS),
  };
}

function readBlock(json: Json): Block {
  return {
    part: oneOf<Part>(json['part'], PARTS),
    start: address(json['start']),
    sizeBytes: count(json['sizeBytes']),
  };
}

function readVariable(json: Json): NewVariable {
  return {
    module: text(json['module']),
    key: text(json['key']),
    start: address(json['start']),
    sizeBytes: count(json['sizeBytes']),
  };
}

function readShared(json: Json): SharedType {
  const entries = json['entries'];
  if (!Array.isArray(entries)) throw new TypeError('not a list');
  return { name: text(json['name']), entries: entries.map(address) };
}

function readGiven(value: unknown): { initialisers?: readonly GivenInitialiser[] } {
  if (value === undefined) return {};
  const read = (json: Json): GivenInitialiser => ({
    address: address(json['address']),
    fingerprint: text(json['fingerprint']),
    generation: generationNumber(json['generation']),
  });
  return { initialisers: list(value, read) };
}

function readGeneration(json: Json): GenerationRecord {
  return {
    number: count(json['number']),
    parent: count(json['parent']),
    publishedAt: text(json['publishedAt']),
    bodies: list(json['bodies'], readBody),
    blocks: list(json['blocks'], readBlock),
    variables: list(json['variables'], readVariable),
    ...readGiven(json['initialisers']),
    ...(json['shared'] === undefined ? {} : { shared: list(json['shared'], readShared) }),
    frameIndexes: list(json['frameIndexes'] ?? [], readRange),
    ...(json['lineTables'] === undefined
      ? {}
      : { lineTables: list(json['lineTables'], readRange) }),
    retired: flag(json['retired']),
  };
}

function readUnwinder(json: Json): Unwinder {
  return {
    entry: address(json['entry']),
    search: address(json['search']),
    slot: address(json['slot']),
    blocks: list(json['blocks'], readBlock),
  };
}

function readOriginal(json: Json): OriginalBytes {
  return { address: address(json['address']), bytes: base64(json['bytes']) };
}

function readEntry(json: Json): EntryRecord {
  return {
    entry: address(json['entry']),
    name: text(json['name']),
    module: text(json['module']),
    sizeBytes: count(json['sizeBytes']),
    originals: list(json['originals'], readOriginal),
    branchesBack: flag(json['branchesBack']),
  };
}

function readPending(json: Json): Pending {
  const readWrite = (item: Json): CodeWrite => ({
    address: address(item['address']),
    before: base64(item['before']),
    after: base64(item['after']),
  });
  const created = flag(json['created']);
  return {
    from: count(json['from']),
    to: count(json['to']),
    created,
    writes: list(json['writes'], readWrite),
  };
}
