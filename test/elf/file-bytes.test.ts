import { execFileSync } from 'node:child_process';
import { renameSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { bytesInMemory, MAX_READ_BYTES, openFile } from '../../src/elf/file-bytes.js';
import { expectMalformed } from './failing.js';
import { useSamples } from './samples.js';

const samples = useSamples();

function tenBytes(name: string): string {
  const path = samples.scratch(name);
  writeFileSync(path, Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  return path;
}

test('a file and memory read alike, up to their last byte', () => {
  using file = openFile(tenBytes('ten'));
  const memory = bytesInMemory(Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  for (const bytes of [file, memory]) {
    expect(bytes.sizeBytes).toBe(10);
    expect([...bytes.read(7, 3)]).toEqual([7, 8, 9]);
    expect(bytes.read(10, 0)).toHaveLength(0);
  }
});

test.each([
  [8, 3],
  [11, 0],
  [-1, 1],
  [0, -1],
  [0.5, 1],
  [Number.NaN, 1],
  [0, Number.POSITIVE_INFINITY],
  [2 ** 53, 1],
])('refuses to read %d+%d of ten bytes', (offset, length) => {
  using file = openFile(tenBytes('ten'));
  const memory = bytesInMemory(new Uint8Array(10));
  expectMalformed(() => file.read(offset, length));
  expectMalformed(() => memory.read(offset, length));
});

test('reads the file that was opened after its path names another', () => {
  const path = tenBytes('replaced');
  using file = openFile(path);
  writeFileSync(`${path}.new`, new Uint8Array(10));
  renameSync(`${path}.new`, path);
  expect([...file.read(8, 2)]).toEqual([8, 9]);
});

test('a file that shrinks while it is open is malformed, not zeros', () => {
  const path = tenBytes('shrinking');
  using file = openFile(path);
  truncateSync(path, 5);
  expectMalformed(() => file.read(0, 10), 'cut short at offset 5');
});

test('closing twice is harmless, and reading afterwards a failure', () => {
  const file = openFile(tenBytes('closed'));
  file[Symbol.dispose]();
  file[Symbol.dispose]();
  expectMalformed(() => file.read(0, 1), 'closed');
});

test('refuses what is no regular file, without waiting for a pipe’s writer', () => {
  const pipe = samples.scratch('pipe');
  execFileSync('mkfifo', [pipe]);
  expectMalformed(() => openFile(pipe), 'no regular file');
  expectMalformed(() => openFile(tmpdir()), 'no regular file');
  expectMalformed(() => openFile('/dev/zero'), 'no regular file');
  expectMalformed(() => openFile(samples.scratch('missing')), 'ENOENT');
});

test('never reads more than a gigabyte at once, even of a file that has it', () => {
  const path = tenBytes('sparse');
  truncateSync(path, MAX_READ_BYTES * 4);
  using file = openFile(path);
  expectMalformed(() => file.read(0, MAX_READ_BYTES + 1), 'too many');
  expect(file.read(MAX_READ_BYTES * 3, 4)).toEqual(new Uint8Array(4));
});
