/**
 * The functions that a program asks to be called around a change, by include/hcr.h: each is a pointer
 * in a section of its module. What stands there is read from memory, where the dynamic linker has put
 * the real addresses; it may be anything, so only what is the start of a function is a hook.
 */
import { type Addr, addr, contains, hex } from '../core/address.js';
import { sourceLabel } from '../dwarf/source-name.js';
import { frameTableOf } from '../dwarf/frame-table.js';
import { STT } from '../elf/constants.js';
import { type LoadedModule, fileAddress, liveAddress, symbolsAt } from '../elf/loaded-module.js';
import { unlessMalformed } from '../elf/malformed.js';
import { HOOK_SECTIONS, type HookKind, hooksIn } from '../link/marked-data.js';
import type { ProcessImage } from './observe.js';
import type { PreparedUnit } from './prepare-unit.js';

export interface Hook {
  /** In the source, where that is known. */
  readonly name: string;
  readonly entry: Addr;
}

export interface ProgramHooks extends Readonly<Record<HookKind, readonly Hook[]>> {
  /** Of what is in the sections and is no hook. */
  readonly notes: readonly string[];
}

const POINTER_BYTES = 8;
/** Of one kind in one module; more is nobody's intention. */
const MAX_HOOKS = 256;

/** In the order of modules and of their linking. */
export function findHooks(image: ProcessImage): ProgramHooks {
  const found = { before: [] as Hook[], after: [] as Hook[] };
  const notes: string[] = [];
  for (const module of image.modules) {
    for (const kind of ['before', 'after'] as const) {
      for (const entry of pointersIn(image, module, HOOK_SECTIONS[kind])) {
        const name = functionStartingAt(image, entry);
        if (name !== undefined) found[kind].push({ name, entry });
        else
          notes.push(
            `${hex(entry)} in the section ${HOOK_SECTIONS[kind]} of ${module.name} is the start of no function and is not called.`,
          );
      }
    }
  }
  return { ...found, notes: [...new Set(notes)] };
}

/** What is to be said of hooks that an edit adds: who asks for them is the program that was started. */
export function newHookNotes(image: ProcessImage, units: readonly PreparedUnit[]): string[] {
  const marked = units.flatMap(({ edited, binder }) =>
    hooksIn(edited.unit).map((fn) => ({
      name: fn.name,
      entry: binder.counterparts.entryOf(fn)?.address,
    })),
  );
  if (marked.length === 0) return [];
  const { before, after } = findHooks(image);
  const known = new Set([...before, ...after].map(({ entry }) => entry));
  const added = marked.filter(({ entry }) => entry === undefined || !known.has(entry));
  return [...new Set(added.map(({ name }) => name))].map(
    (name) =>
      `${name} was made a hook by an edit: it is called once the program has been started again.`,
  );
}

/** Zeros are padding between object files. */
function pointersIn({ target }: ProcessImage, module: LoadedModule, name: string): Addr[] {
  const section = module.file.section(name);
  if (section === undefined || section.address === 0) return [];
  const sizeBytes = Math.min(section.sizeBytes, MAX_HOOKS * POINTER_BYTES);
  const bytes = target.memory.tryRead(liveAddress(module, section.address), sizeBytes);
  if (bytes === undefined) return [];
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pointers: Addr[] = [];
  for (let at = 0; at + POINTER_BYTES <= bytes.length; at += POINTER_BYTES) {
    const word = words.getBigUint64(at, true);
    if (word !== 0n && word <= BigInt(Number.MAX_SAFE_INTEGER)) pointers.push(addr(word));
  }
  return pointers;
}

/** Its name; the address where a function starts that has none. */
function functionStartingAt(image: ProcessImage, entry: Addr): string | undefined {
  const module = image.modules.find(({ range }) => contains(range, entry));
  if (module === undefined) return undefined;
  return unlessMalformed(() => {
    const at = fileAddress(module, entry);
    const symbol = symbolsAt(module, at).find(
      ({ type, value }) => type === STT.FUNC && value === Number(at),
    );
    const isDescribed = frameTableOf(module.file).find(at)?.start === Number(at);
    if (symbol === undefined && !isDescribed) return undefined;
    const known = image.debugInfo(module)?.unitAt(at)?.functionAt(at);
    return (known && (sourceLabel(known) ?? known.name)) ?? symbol?.name ?? hex(entry);
  });
}
