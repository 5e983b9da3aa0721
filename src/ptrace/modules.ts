/**
 * The ELF files mapped in the target, in link-map order.
 *
 * A module is read through /proc, never by its path: the file there may have been rebuilt or
 * deleted since it was mapped. The order is that of the dynamic linker's own list, in which names
 * are looked up; a static program has one module.
 *
 * @see proc(5) map_files, exe, root; glibc <link.h> for r_debug and link_map
 */
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { type Addr, addr, loadBias, offsetBy } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Memory } from '../core/memory.js';
import { DT, PT } from '../elf/constants.js';
import { type ElfFile, openElf } from '../elf/elf-file.js';
import { type LoadedModule, liveAddress } from '../elf/loaded-module.js';
import type { TargetProcess } from './process.js';
import type { Mapping } from './procfs.js';
import { AREA_NAME } from './patch-area.js';

/** A list longer than this is damaged or hostile. */
const MAX_LINK_MAPS = 10_000;
const R_MAP_OFFSET = 8;
const LINK_MAP = { ld: 16, next: 24, sizeBytes: 32 } as const;

/** @throws HcrError `malformed-file` when the executable is damaged */
export function observeModules(target: TargetProcess): LoadedModule[] {
  const exeInode = inodeOf(`/proc/${target.pid}/exe`);
  const groups = new Map<string, Mapping[]>();
  for (const mapping of target.maps()) {
    if (mapping.inode === 0 || mapping.path === `/memfd:${AREA_NAME}`) continue;
    const key = `${mapping.device} ${mapping.inode}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [mapping]);
    else group.push(mapping);
  }
  const modules: LoadedModule[] = [];
  for (const group of groups.values()) {
    if (!group.some((mapping) => mapping.executable)) continue;
    const isExecutable = group[0]?.inode === exeInode;
    const module = readModule(target, group, isExecutable);
    if (module !== undefined) modules.push(module);
  }
  modules.sort((a, b) => Number(b.isExecutable) - Number(a.isExecutable));
  return inLinkMapOrder(modules, target.memory);
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

function readModule(
  target: TargetProcess,
  group: readonly Mapping[],
  isExecutable: boolean,
): LoadedModule | undefined {
  const [first] = group;
  const last = group.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const file = openMapped(target, first, isExecutable);
  if (file === undefined) return undefined;
  const { pageBytes } = target.machine;
  for (const segment of file.segments) {
    if (segment.type !== PT.LOAD) continue;
    const pageOffset = segment.offset - (segment.offset % pageBytes);
    const mapping = group.find((candidate) => candidate.fileOffset === pageOffset);
    if (mapping === undefined) continue;
    const bias = loadBias(mapping.start - (segment.address - (segment.address % pageBytes)));
    return {
      path: first.path,
      name: basename(first.path),
      bias,
      range: { start: first.start, end: endOf(file, bias, last) },
      isExecutable,
      file,
    };
  }
  file[Symbol.dispose]();
  return undefined;
}

/** The zero-filled part of the last segment is an anonymous mapping, which the group lacks. */
function endOf(file: ElfFile, bias: number, last: Mapping): Addr {
  const ends = file.segments
    .filter((s) => s.type === PT.LOAD)
    .map((s) => s.address + s.memorySizeBytes + bias);
  return addr(Math.max(last.end, ...ends));
}

function openMapped(
  target: TargetProcess,
  mapping: Mapping,
  isExecutable: boolean,
): ElfFile | undefined {
  const { pid } = target;
  const range = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
  const candidates = [
    `/proc/${pid}/map_files/${range}`,
    ...(isExecutable ? [`/proc/${pid}/exe`] : []),
    `/proc/${pid}/root${mapping.path}`,
  ];
  for (const path of candidates) {
    if (inodeOf(path) !== mapping.inode) continue;
    try {
      return openElf(path, mapping.path);
    } catch (error) {
      if (isExecutable && error instanceof HcrError) throw error;
    }
  }
  return undefined;
}

function inLinkMapOrder(modules: readonly LoadedModule[], memory: Memory): LoadedModule[] {
  const order = readLinkMap(modules[0], memory);
  if (order.length === 0) return [...modules];
  const rank = new Map(order.map((dynamic, i) => [dynamic, i]));
  const rankOf = (module: LoadedModule): number => {
    const segment = module.file.segments.find((candidate) => candidate.type === PT.DYNAMIC);
    const at = segment === undefined ? undefined : rank.get(liveAddress(module, segment.address));
    return at ?? order.length;
  };
  return [...modules].sort((a, b) => rankOf(a) - rankOf(b));
}

/** Addresses of the dynamic sections of all loaded objects, in the dynamic linker's order. */
function readLinkMap(executable: LoadedModule | undefined, memory: Memory): Addr[] {
  const segment = executable?.file.segments.find((candidate) => candidate.type === PT.DYNAMIC);
  if (executable === undefined || segment === undefined) return [];
  const bytes = memory.tryRead(liveAddress(executable, segment.address), segment.memorySizeBytes);
  if (bytes === undefined) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let debug = 0;
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    if (Number(view.getBigUint64(at, true)) === DT.DEBUG)
      debug = Number(view.getBigUint64(at + 8, true));
  }
  if (debug === 0) return [];
  const order: Addr[] = [];
  let next = pointerAt(memory, addr(debug + R_MAP_OFFSET));
  while (next !== undefined && next !== 0 && order.length < MAX_LINK_MAPS) {
    const map = memory.tryRead(addr(next), LINK_MAP.sizeBytes);
    if (map === undefined) break;
    const fields = new DataView(map.buffer, map.byteOffset, map.byteLength);
    order.push(addr(fields.getBigUint64(LINK_MAP.ld, true)));
    next = Number(fields.getBigUint64(LINK_MAP.next, true));
  }
  return order;
}

function pointerAt(memory: Memory, address: Addr): number | undefined {
  const bytes = memory.tryRead(offsetBy(address, 0), 8);
  return bytes === undefined ? undefined : Number(new DataView(bytes.buffer).getBigUint64(0, true));
}
