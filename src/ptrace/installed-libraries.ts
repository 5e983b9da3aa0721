/**
 * Libraries of the system that the target runs on, loaded or not: to say which one has a name that
 * the new code needs.
 *
 * They are those of `ld.so.cache` below the target's root, in its order; without a cache, those in
 * the usual folders. Both belong to whoever made that system, so they are read with limits.
 *
 * @see ld.so(8); glibc sysdeps/generic/dl-cache.h for the cache
 */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Pid } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';
import { ET } from '../elf/constants.js';
import { openElf } from '../elf/elf-file.js';
import { exportsName } from '../elf/exported-names.js';
import { openFile } from '../elf/file-bytes.js';
import { unlessMalformed } from '../elf/malformed.js';

const CACHE = 'etc/ld.so.cache';
const CACHE_MAGIC = 'glibc-ld.so.cache1.1';
const CACHE_HEADER_BYTES = 48;
const MAX_CACHE_BYTES = 1 << 24;
const MAX_LIBRARIES = 10_000;
/** PATH_MAX of Linux. */
const MAX_PATH_BYTES = 4096;
const FOLDERS = ['lib', 'usr/lib', 'lib64', 'usr/lib64', 'usr/local/lib'];

/** Sanitizers stand in front of half of libc: nobody means them. */
const INTERPOSER = /^lib(asan|hwasan|lsan|tsan|ubsan|memusage|SegFault|pcprofile)\b/;

/** Name of a library that exports `name`; undefined when none does.
 *  @param elfMachine libraries for other machines do not count */
export function findInstalledLibrary(
  pid: Pid,
  name: string,
  elfMachine: number,
): string | undefined {
  const root = `/proc/${pid}/root/`;
  const paths = readCache(join(root, CACHE)) ?? listFolders(root);
  const inOrder = [...paths].sort(
    (a, b) => Number(INTERPOSER.test(basename(a))) - Number(INTERPOSER.test(basename(b))),
  );
  const found = inOrder.find((path) => hasName(join(root, path), name, elfMachine));
  return found === undefined ? undefined : basename(found);
}

/** Linker scripts and damaged files have no names. */
function hasName(path: string, name: string, elfMachine: number): boolean {
  return (
    unlessMalformed(() => {
      using file = openElf(path);
      const { type, machine } = file.header;
      return type === ET.DYN && machine === elfMachine && exportsName(file, name);
    }) ?? false
  );
}

/** Paths of the libraries in the cache; undefined when there is none that can be read. */
function readCache(path: string): string[] | undefined {
  return unlessMalformed(() => {
    using file = openFile(path);
    return readLibraryCache(file.read(0, Math.min(file.sizeBytes, MAX_CACHE_BYTES)));
  });
}

/** Paths of the libraries in an `ld.so.cache`; undefined when the bytes are none.
 *  @throws HcrError `malformed-file` when it is cut short */
export function readLibraryCache(bytes: Uint8Array): string[] | undefined {
  // Caches of old systems begin with another format.
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = whole.indexOf(CACHE_MAGIC, 0, 'latin1');
  return start < 0 ? undefined : readEntries(bytes.subarray(start));
}

function readEntries(cache: Uint8Array): string[] {
  const reader = new ByteReader(cache, true, CACHE);
  const count = Math.min(reader.seek(CACHE_MAGIC.length).u32(), MAX_LIBRARIES);
  reader.seek(CACHE_HEADER_BYTES);
  const paths = new Set<string>();
  for (let i = 0; i < count; i++) {
    reader.skip(8); // flags, key
    const value = reader.u32();
    reader.skip(12); // osversion, hwcap
    // Many entries may lead into one text that has no end.
    const path = cache.subarray(value, value + MAX_PATH_BYTES);
    const lengthBytes = path.indexOf(0);
    if (lengthBytes > 0) paths.add(new TextDecoder().decode(path.subarray(0, lengthBytes)));
  }
  return [...paths];
}

function listFolders(root: string): string[] {
  return FOLDERS.flatMap((folder) => {
    try {
      return readdirSync(join(root, folder))
        .filter((file) => /\.so(\.|$)/.test(file))
        .map((file) => join(folder, file));
    } catch {
      return [];
    }
  }).slice(0, MAX_LIBRARIES);
}
