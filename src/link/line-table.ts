/**
 * Which source line each instruction of new code came from, in a form that is kept beside it: the
 * object is gone when somebody asks.
 *
 * First the paths of the sources: their number, then each with its length before it. Then the
 * pieces of code: their number, then of each where it starts and ends, how many rows follow, and in
 * each row the distance from the start, the number of the source and the line. Addresses are 8 bytes
 * long, all else 4. A row holds up to the next one's distance.
 */
import { type Addr, type AddrRange, addr, contains } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';

export interface LineRow {
  /** From the start of the piece. */
  readonly offset: number;
  readonly file: string;
  /** 0 for code that came from no line. */
  readonly line: number;
}

export interface LinedCode extends AddrRange {
  /** In the order of their offsets. */
  readonly rows: readonly LineRow[];
}

export interface SourcePlace {
  readonly file: string;
  readonly line: number;
}

const NUMBER_BYTES = 4;
const ADDRESS_BYTES = 8;
const ROW_BYTES = 3 * NUMBER_BYTES;

export function encodeLineTable(code: readonly LinedCode[], littleEndian: boolean): Uint8Array {
  const files = [...new Set(code.flatMap(({ rows }) => rows.map(({ file }) => file)))];
  const numbers = new Map(files.map((file, number) => [file, number]));
  const names = files.map((file) => new TextEncoder().encode(file));
  const sizeBytes =
    NUMBER_BYTES +
    names.reduce((sum, name) => sum + NUMBER_BYTES + name.length, 0) +
    NUMBER_BYTES +
    code.reduce(
      (sum, { rows }) => sum + 2 * ADDRESS_BYTES + NUMBER_BYTES + ROW_BYTES * rows.length,
      0,
    );
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const number = (value: number): void => {
    view.setUint32(at, value, littleEndian);
    at += NUMBER_BYTES;
  };
  const address = (value: Addr): void => {
    view.setBigUint64(at, BigInt(value), littleEndian);
    at += ADDRESS_BYTES;
  };
  number(names.length);
  for (const name of names) {
    number(name.length);
    bytes.set(name, at);
    at += name.length;
  }
  number(code.length);
  for (const { start, end, rows } of code) {
    address(start);
    address(end);
    number(rows.length);
    for (const { offset, file, line } of rows) {
      number(offset);
      number(numbers.get(file) ?? 0);
      number(line);
    }
  }
  return bytes;
}

/** Where the instruction at an address came from; undefined where the table does not tell.
 *  @throws HcrError `malformed-file` when the bytes are no table */
export function findInLineTable(
  bytes: Uint8Array,
  littleEndian: boolean,
  address: Addr,
): SourcePlace | undefined {
  const reader = new ByteReader(bytes, littleEndian, 'line table');
  const names: Uint8Array[] = [];
  for (let left = reader.u32(); left > 0; left--) names.push(reader.take(reader.u32()));
  for (let left = reader.u32(); left > 0; left--) {
    const range = { start: addr(reader.size64()), end: addr(reader.size64()) };
    const rows = reader.u32();
    const table = reader.sub(rows * ROW_BYTES);
    if (!contains(range, address)) continue;
    const row = lastUpTo(table, address - range.start);
    const name = row && names[row.file];
    return name && row.line > 0
      ? { file: new TextDecoder().decode(name), line: row.line }
      : undefined;
  }
  return undefined;
}

function lastUpTo(
  table: ByteReader,
  offset: number,
): { readonly file: number; readonly line: number } | undefined {
  let found: { readonly file: number; readonly line: number } | undefined;
  while (table.remaining >= ROW_BYTES && table.u32() <= offset)
    found = { file: table.u32(), line: table.u32() };
  return found;
}
