/**
 * What debug information says of a module's functions: where their source is, and which other
 * functions hold inlined copies of them. Only plain values are kept, so that a large program is
 * read unit by unit in bounded memory.
 */
import { normalize } from 'node:path';
import type { Vaddr } from '../core/address.js';
import { openDebugInfo } from '../dwarf/debug-info.js';
import type { FunctionEntry } from '../dwarf/functions.js';
import type { InlinedCopy } from '../dwarf/inlined-copies.js';
import { sourceLabel, symbolName } from '../dwarf/source-name.js';
import type { Unit } from '../dwarf/unit.js';
import type { ElfFile } from '../elf/elf-file.js';

/** A function of the source. A static inline function of a header is one, in however many units
 *  it was compiled. */
export interface SourceFunction {
  /** As in the symbol table. */
  readonly name: string;
  /** In the source, where that differs and is known: `Square::area() const`. */
  readonly label: string | undefined;
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** Names of the functions that hold a copy of it. */
  readonly inlinedIn: Set<string>;
}

export interface FunctionFacts {
  /** By the entry of each body, those of compiler-made clones included. */
  readonly bodies: ReadonlyMap<Vaddr, SourceFunction>;
  /** Functions of which there are inlined copies; some have a body as well. */
  readonly inlined: ReadonlySet<SourceFunction>;
  /** What could not be read since it is in files that are not there: a message for each. */
  readonly absent: ReadonlySet<string>;
}

/** Units are kept once read; after so many bytes of them they are let go. */
const READ_AT_ONCE_BYTES = 8 << 20;

/**
 * @param accepts whether a function of that name is asked for
 * @param unitOffsets the units to read; undefined for all
 * @throws HcrError `malformed-file`
 */
export function readFunctionFacts(
  file: ElfFile,
  accepts: (name: string) => boolean,
  unitOffsets: ReadonlySet<number> | undefined,
): FunctionFacts {
  const known = new Map<string, SourceFunction>();
  const bodies = new Map<Vaddr, SourceFunction>();
  const inlined = new Set<SourceFunction>();
  const absent = new Set<string>();
  const functionOf = (
    declared: FunctionEntry | InlinedCopy['callee'],
    label: string | undefined,
  ): SourceFunction => {
    const { declFile, declLine } = declared;
    const name = symbolName(declared);
    const key = `${name}\0${declFile ?? ''}\0${declLine ?? ''}`;
    let fn = known.get(key);
    if (fn === undefined) {
      const source = declFile === undefined ? undefined : normalize(declFile);
      fn = { name, label, file: source, line: declLine, inlinedIn: new Set() };
      known.set(key, fn);
    }
    return fn;
  };
  for (const unit of unitsInTurn(file, unitOffsets, absent)) {
    for (const entry of unit.functions()) {
      // Whatever its name: a symbol that is asked for may be an alias of it.
      if (entry.entry !== undefined) bodies.set(entry.entry, functionOf(entry, sourceLabel(entry)));
    }
    for (const { callee, caller } of unit.inlinedCopies()) {
      const { qualifiedName, linkageName } = callee;
      const label = linkageName === undefined ? undefined : qualifiedName;
      if (callee.name === '' || !accepts(label ?? callee.name)) continue;
      const fn = functionOf(callee, label);
      if (symbolName(caller) !== fn.name)
        fn.inlinedIn.add(sourceLabel(caller) ?? symbolName(caller));
      inlined.add(fn);
    }
  }
  return { bodies, inlined, absent };
}

/** Each unit is to be dropped before the next is asked for. */
function* unitsInTurn(
  file: ElfFile,
  wanted: ReadonlySet<number> | undefined,
  absent: Set<string>,
): Generator<Unit> {
  let from = 0;
  for (let more = true; more; ) {
    more = false;
    let readBytes = 0;
    const info = openDebugInfo(file);
    for (const unit of info?.units() ?? []) {
      if (unit.offset < from || wanted?.has(unit.offset) === false) continue;
      yield unit;
      from = unit.offset + 1;
      readBytes += unit.dies.header.sizeBytes;
      more = readBytes > READ_AT_ONCE_BYTES;
      if (more) break;
    }
    for (const { message } of info?.absent() ?? []) absent.add(message);
  }
}
