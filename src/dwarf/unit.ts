/**
 * A compilation unit: one source file as it was compiled, and what is in it. Everything but the
 * root entry is read when it is first asked for, and then remembered.
 * @see DWARF 5, 3.1.1
 */
import type { Vaddr, VaddrRange } from '../core/address.js';
import { AddressIndex } from './address-index.js';
import { DW_AT } from './constants.js';
import { type FunctionEntry, readFunctions } from './functions.js';
import { type InlinedCopy, readInlinedCopies } from './inlined-copies.js';
import { pathOfFile } from './line-header.js';
import { findLineRow, lineRows } from './line-program.js';
import type { UnitDies } from './unit-dies.js';
import { readVariables, type VariableEntry } from './variables.js';

export interface SourceLine {
  readonly file: string;
  readonly line: number;
}

/** Holds from its address up to the next row's. */
export interface LinedAddress {
  readonly address: number;
  /** Absent after the last instruction of a piece of code. */
  readonly source: SourceLine | undefined;
}

/** Every method and accessor: `@throws HcrError malformed-file`. */
export class Unit {
  /** The entries themselves. */
  readonly dies: UnitDies;
  private functionsOnce: readonly FunctionEntry[] | undefined;
  private inlinedCopiesOnce: readonly InlinedCopy[] | undefined;
  private variablesOnce: readonly VariableEntry[] | undefined;
  private functionIndexOnce: AddressIndex | undefined;
  private rangesOnce: readonly VaddrRange[] | undefined;

  constructor(dies: UnitDies) {
    this.dies = dies;
  }

  /** Where it, or the skeleton of it, is in `.debug_info` of the program. */
  get offset(): number {
    return (this.dies.skeleton ?? this.dies).offset;
  }
  /** Version of DWARF. */
  get version(): number {
    return this.dies.header.encoding.version;
  }
  /** Its source as the compiler was given it, perhaps relative to {@link compDir}. */
  get name(): string {
    return this.dies.rootText(DW_AT.name) ?? '';
  }
  /** The directory in which the compiler ran. */
  get compDir(): string | undefined {
    return this.dies.rootText(DW_AT.comp_dir);
  }
  /** The compiler, and with gcc the flags it was given. */
  get producer(): string | undefined {
    return this.dies.rootText(DW_AT.producer);
  }
  /** A `DW_LANG` number. */
  get language(): number | undefined {
    return this.dies.language;
  }

  /** Its code. */
  get ranges(): readonly VaddrRange[] {
    this.rangesOnce ??= this.dies.codeRanges();
    return this.rangesOnce;
  }

  /** Number 0 is the compilation directory; others may be relative to it. */
  includeDirectories(): readonly string[] {
    return this.dies.lineHeader()?.directories ?? [];
  }

  /** Paths of its sources and headers by their number, absolute when {@link compDir} is. */
  files(): readonly string[] {
    const header = this.dies.lineHeader();
    return header?.files.map((_, index) => pathOfFile(header, index) ?? '') ?? [];
  }

  functions(): readonly FunctionEntry[] {
    this.functionsOnce ??= readFunctions(this.dies);
    return this.functionsOnce;
  }

  /** Whether the compiler kept account of every call in some function. clang does so for all that it
   *  optimises, and for no other. @see DWARF 5, 3.3.1.3 */
  accountsForCalls(): boolean {
    return this.functions().some((entry) => {
      if (entry.entry === undefined) return false;
      const die = entry.die();
      return die.has(DW_AT.call_all_calls) || die.has(DW_AT.GNU_all_call_sites);
    });
  }

  inlinedCopies(): readonly InlinedCopy[] {
    this.inlinedCopiesOnce ??= readInlinedCopies(this.dies, this.functions());
    return this.inlinedCopiesOnce;
  }

  variables(): readonly VariableEntry[] {
    this.variablesOnce ??= readVariables(this.dies);
    return this.variablesOnce;
  }

  /** The function whose code contains an address, with the copies inlined into it counted as its
   *  own. */
  functionAt(address: Vaddr): FunctionEntry | undefined {
    this.functionIndexOnce ??= this.indexFunctions();
    const index = this.functionIndexOnce.find(address);
    return index === undefined ? undefined : this.functions()[index];
  }

  /** By number of the function. Of several for the same code, as after the linker has folded
   *  equal functions, the first counts. */
  private indexFunctions(): AddressIndex {
    const ranges = this.functions().flatMap((entry, owner) =>
      entry.ranges().map((range) => ({ ...range, owner })),
    );
    return new AddressIndex(ranges.reverse());
  }

  /** The source line of the instruction at an address. */
  lineOf(address: Vaddr): SourceLine | undefined {
    const header = this.dies.lineHeader();
    const section = this.dies.lineSection();
    if (header === undefined || section === undefined) return undefined;
    const row = findLineRow(section, header, address);
    const file = row && pathOfFile(header, row.file);
    return file === undefined ? undefined : { file, line: row?.line ?? 0 };
  }

  /** The source line of every instruction, in the order of the line program. */
  *lines(): IterableIterator<LinedAddress> {
    const header = this.dies.lineHeader();
    const section = this.dies.lineSection();
    if (header === undefined || section === undefined) return;
    const paths = header.files.map((_, index) => pathOfFile(header, index));
    for (const { address, file, line, endsSequence } of lineRows(section, header)) {
      if (address === undefined) continue;
      const path = endsSequence ? undefined : paths[file];
      yield { address, source: path === undefined ? undefined : { file: path, line } };
    }
  }
}
