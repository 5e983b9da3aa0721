/**
 * The ELF files mapped in the target, in link-map order.
 *
 * A module is read through /proc, never by its path: the file there may have been rebuilt or
 * deleted since it was mapped. The order is that of the dynamic linker's own list, in which names
 * are looked up (see link-maps); a static program has one module.
 *
 * @see proc(5) map_files, exe, root
 */
import { type Stats, statSync } from 'node:fs';
import { basename } from 'node:path';
import { type AddrRange, type LoadBias, addr, hex, loadBias } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { PF, PT } from '../elf/constants.js';
import { openElfWithCompanions } from '../elf/debug-files.js';
import type { ElfFile } from '../elf/elf-file.js';
import type { LoadedModule } from '../elf/loaded-module.js';
import { type KnownModules, identityOf } from './known-modules.js';
import { readLoaderFacts } from './link-maps.js';
import type { TargetProcess } from './process.js';
import type { Mapping } from './procfs.js';
import { AREA_NAME } from './patch-area.js';

/** @param known from earlier looks; it then owns the files, else the caller does
 *  @throws HcrError `malformed-file` when the executable is damaged */
export function observeModules(
  target: TargetProcess,
  known?: KnownModules,
): readonly LoadedModule[] {
  const exeInode = statOf(`/proc/${target.pid}/exe`)?.ino;
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
    modules.push(...readModules(target, group, isExecutable, known));
  }
  modules.sort((a, b) => Number(b.isExecutable) - Number(a.isExecutable));
  const facts = readLoaderFacts(modules, target.memory);
  const listed = modules.map((module) => ({ ...module, loader: facts.get(module) }));
  const ordered = inLinkMapOrder(listed.map((module) => withOwnPath(module, listed)));
  return known === undefined ? ordered : known.settle(target.pid, ordered);
}

/** Another copy of a file is another module, whose names and variables are its own: its path says so
 *  for as long as it is loaded. */
function withOwnPath(module: LoadedModule, all: readonly LoadedModule[]): LoadedModule {
  const { path, range, loader } = module;
  const isCopy = all.some((other) => other !== module && other.path === path);
  // In one namespace there is never more than one.
  return isCopy && loader?.namespace !== 0
    ? { ...module, path: `${path}@${hex(range.start)}` }
    : module;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** The copies of one file: `dlmopen` loads another. */
function readModules(
  target: TargetProcess,
  group: readonly Mapping[],
  isExecutable: boolean,
  known: KnownModules | undefined,
): LoadedModule[] {
  const [first] = group;
  if (first === undefined) return [];
  const openCopy = (copy: number): OpenedModule | undefined =>
    openMapped(target, first, isExecutable, (identity, open) =>
      known === undefined ? open() : known.open(`${copy} ${identity}`, open),
    );
  const opened = openCopy(0);
  if (opened === undefined) return [];
  const { file, writtenAtMs } = opened;
  const biases = biasesOf(file, group, target.machine.pageBytes);
  if (biases.length === 0 && known === undefined) file[Symbol.dispose]();
  return biases.flatMap((bias, i) => {
    const own = i === 0 ? file : openCopy(i)?.file;
    if (own === undefined) return [];
    return [
      {
        path: first.path,
        name: basename(first.path),
        bias,
        range: rangeOf(own, bias, group),
        isExecutable,
        file: own,
        writtenAtMs,
        loader: undefined,
      },
    ];
  });
}

/** Every bias at which the file's code is mapped. A program may map parts of the file elsewhere to
 *  read them; where none has the code in its place, the first is taken. */
function biasesOf(file: ElfFile, group: readonly Mapping[], pageBytes: number): LoadBias[] {
  const pageOf = (value: number): number => value - (value % pageBytes);
  const loaded = file.segments.filter(({ type }) => type === PT.LOAD);
  const candidates = loaded.flatMap((segment) =>
    group
      .filter(({ fileOffset }) => fileOffset === pageOf(segment.offset))
      .map(({ start }) => start - pageOf(segment.address)),
  );
  const hasCode = (bias: number): boolean =>
    loaded
      .filter(({ flags }) => (flags & PF.X) !== 0)
      .every((segment) => {
        const at = bias + pageOf(segment.address);
        return group.some(
          ({ start, end, executable, fileOffset }) =>
            executable &&
            start <= at &&
            at < end &&
            fileOffset + at - start === pageOf(segment.offset),
        );
      });
  const inPlace = [...new Set(candidates)].filter(hasCode).sort((a, b) => a - b);
  return (inPlace.length > 0 ? inPlace : candidates.slice(0, 1)).map(loadBias);
}

/** The zero-filled part of the last segment is an anonymous mapping, which the group lacks. */
function rangeOf(file: ElfFile, bias: LoadBias, group: readonly Mapping[]): AddrRange {
  const loaded = file.segments.filter(({ type }) => type === PT.LOAD);
  const lowest = Math.min(...loaded.map(({ address }) => address + bias));
  const highest = Math.max(...loaded.map((each) => each.address + each.memorySizeBytes + bias));
  const mappings = group.filter(({ start, end }) => start < highest && end > lowest);
  return {
    start: addr(Math.min(lowest, ...mappings.map(({ start }) => start))),
    end: addr(Math.max(highest, ...mappings.map(({ end }) => end))),
  };
}

interface OpenedModule {
  readonly file: ElfFile;
  readonly writtenAtMs: number;
}

function openMapped(
  target: TargetProcess,
  mapping: Mapping,
  isExecutable: boolean,
  keep: (identity: string, open: () => ElfFile) => ElfFile,
): OpenedModule | undefined {
  const { pid } = target;
  const range = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
  const candidates = [
    `/proc/${pid}/map_files/${range}`,
    ...(isExecutable ? [`/proc/${pid}/exe`] : []),
    `/proc/${pid}/root${mapping.path}`,
  ];
  for (const path of candidates) {
    const stat = statOf(path);
    if (stat?.ino !== mapping.inode) continue;
    try {
      const root = `/proc/${pid}/root`;
      const at = { path: mapping.path, root };
      // What belongs to the file is looked for under the root that the process has.
      const identity = `${identityOf(stat)} ${identityOf(statSync(root))} ${mapping.path}`;
      const file = keep(identity, () => openElfWithCompanions(path, at));
      return { file, writtenAtMs: stat.mtimeMs };
    } catch (error) {
      if (isExecutable && error instanceof HcrError) throw error;
    }
  }
  return undefined;
}

/** Modules that are not in the list, as that of a debugger's making, come last. */
function inLinkMapOrder(modules: readonly LoadedModule[]): LoadedModule[] {
  const rankOf = (module: LoadedModule): number => module.loader?.order ?? Infinity;
  return [...modules].sort((a, b) =>
    rankOf(a) === rankOf(b) ? 0 : rankOf(a) < rankOf(b) ? -1 : 1,
  );
}
