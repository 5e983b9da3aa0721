/**
 * What the dynamic linker has loaded, by its own list: `r_debug` leads to a chain of `link_map` for
 * each namespace, in the order in which names are looked up.
 *
 * Which of them are in the global scope (RTLD_GLOBAL, or there from the start) is glibc's private
 * knowledge: `_rtld_global` begins with the namespaces, each {first map, number of maps, scope}.
 * That has been so since glibc 2.4; it is believed only where it agrees with the public list.
 *
 * @see glibc <link.h> for r_debug, r_debug_extended and link_map; sysdeps/generic/ldsodefs.h
 */
import { type Addr, addr, offsetBy } from '../core/address.js';
import type { Memory } from '../core/memory.js';
import { DT, PT } from '../elf/constants.js';
import {
  type LoadedModule,
  type LoaderFacts,
  liveAddress,
  liveSymbolAddress,
} from '../elf/loaded-module.js';

/** A list longer than this is damaged or hostile. */
const MAX_LINK_MAPS = 10_000;
const MAX_NAMESPACES = 16;
/** Some ten entries per library it needs, 16 bytes each. */
const MAX_DYNAMIC_BYTES = 0x100000;
const R_DEBUG = { map: 8, ldbase: 32, next: 40 } as const;
const LINK_MAP = { ld: 16, next: 24, sizeBytes: 32 } as const;
/** `r_version` from which `r_next` leads to the next namespace. */
const VERSION_WITH_NAMESPACES = 2;

interface LinkMap extends LoaderFacts {
  /** Where the module's dynamic section is. */
  readonly dynamic: Addr;
}

/** The list's facts for each module that is in it, by the address of its dynamic section.
 *  @param modules the executable first */
export function readLoaderFacts(
  modules: readonly LoadedModule[],
  memory: Memory,
): ReadonlyMap<LoadedModule, LoaderFacts> {
  const maps = new Map(readLinkMaps(modules, memory).map((map) => [map.dynamic, map]));
  const facts = new Map<LoadedModule, LoaderFacts>();
  for (const module of modules) {
    const segment = module.file.segments.find((candidate) => candidate.type === PT.DYNAMIC);
    const map = segment && maps.get(liveAddress(module, segment.address));
    if (map !== undefined) facts.set(module, map);
  }
  return facts;
}

function readLinkMaps(modules: readonly LoadedModule[], memory: Memory): LinkMap[] {
  const [executable] = modules;
  let debug = executable && debugAddress(executable, memory);
  const found: LinkMap[] = [];
  for (let namespace = 0; debug !== undefined && namespace < MAX_NAMESPACES; namespace++) {
    const chain = readChain(pointerAt(memory, offsetBy(debug, R_DEBUG.map)), memory);
    const globals = namespace === 0 ? globalScope(debug, chain, modules, memory) : undefined;
    for (const { at, dynamic } of chain) {
      const order = found.length;
      found.push({ linkMap: at, namespace, order, isGlobal: globals?.has(at), dynamic });
    }
    debug =
      (halfWordAt(memory, debug) ?? 0) >= VERSION_WITH_NAMESPACES
        ? pointerAt(memory, offsetBy(debug, R_DEBUG.next))
        : undefined;
  }
  return found;
}

/** Where `r_debug` is, by the executable's DT_DEBUG; static programs have none. */
function debugAddress(executable: LoadedModule, memory: Memory): Addr | undefined {
  const segment = executable.file.segments.find((candidate) => candidate.type === PT.DYNAMIC);
  if (segment === undefined) return undefined;
  const sizeBytes = Math.min(segment.memorySizeBytes, MAX_DYNAMIC_BYTES);
  const bytes = memory.tryRead(liveAddress(executable, segment.address), sizeBytes);
  if (bytes === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let found: Addr | undefined;
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    if (Number(view.getBigUint64(at, true)) === DT.DEBUG) found = pointerIn(bytes, at + 8);
  }
  return found;
}

function readChain(
  first: Addr | undefined,
  memory: Memory,
): { readonly at: Addr; readonly dynamic: Addr }[] {
  const chain = new Map<Addr, { at: Addr; dynamic: Addr }>();
  let at = first;
  // The program can make the list a circle.
  while (at !== undefined && !chain.has(at) && chain.size < MAX_LINK_MAPS) {
    const map = memory.tryRead(at, LINK_MAP.sizeBytes);
    const dynamic = map && pointerIn(map, LINK_MAP.ld);
    if (map === undefined || dynamic === undefined) break;
    chain.set(at, { at, dynamic });
    at = pointerIn(map, LINK_MAP.next);
  }
  return [...chain.values()];
}

/** The link maps in the global scope of the first namespace; undefined where they can't be told. */
function globalScope(
  debug: Addr,
  chain: readonly { readonly at: Addr }[],
  modules: readonly LoadedModule[],
  memory: Memory,
): ReadonlySet<Addr> | undefined {
  const base = pointerAt(memory, offsetBy(debug, R_DEBUG.ldbase));
  const loader = modules.find(({ bias }) => (bias as number) === (base as number | undefined));
  const namespaces = loader && liveSymbolAddress(loader, '_rtld_global');
  if (namespaces === undefined) return undefined;
  const first = pointerAt(memory, namespaces);
  const count = halfWordAt(memory, offsetBy(namespaces, 8));
  if (first === undefined || first !== chain[0]?.at || count !== chain.length) return undefined;
  const scope = pointerAt(memory, offsetBy(namespaces, 16));
  const list = scope && pointerAt(memory, scope);
  const length = scope && halfWordAt(memory, offsetBy(scope, 8));
  if (list === undefined || length === undefined || length > chain.length) return undefined;
  const known = new Set(chain.map(({ at }) => at));
  const found = new Set<Addr>();
  for (let i = 0; i < length; i++) {
    const map = pointerAt(memory, offsetBy(list, 8 * i));
    if (map === undefined || !known.has(map)) return undefined;
    found.add(map);
  }
  return found.has(first) ? found : undefined;
}

function halfWordAt(memory: Memory, address: Addr): number | undefined {
  const bytes = memory.tryRead(address, 4);
  if (bytes === undefined) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
}

/** Undefined for a null pointer, for what is no address, and where nothing is mapped. */
function pointerAt(memory: Memory, address: Addr): Addr | undefined {
  const bytes = memory.tryRead(address, 8);
  return bytes && pointerIn(bytes, 0);
}

/** As {@link pointerAt}, of bytes that have been read. */
function pointerIn(bytes: Uint8Array, offset: number): Addr | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = Number(view.getBigUint64(offset, true));
  return value === 0 || !Number.isSafeInteger(value) ? undefined : addr(value);
}
