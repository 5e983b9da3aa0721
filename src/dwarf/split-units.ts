/**
 * Finds what compilers left out of the program: of a split unit the program holds a skeleton,
 * which says where the code is and in which file the rest.
 */
import { HcrError, isHcrError } from '../core/failure.js';
import type { CompanionFiles, ElfFile } from '../elf/elf-file.js';
import { unlessMalformed } from '../elf/malformed.js';
import { DW_AT } from './constants.js';
import { SplitFile, splitIdOf } from './split-file.js';
import type { UnitDies } from './unit-dies.js';
import type { OffsetSpace } from './unit-section.js';

export class SplitUnits {
  private readonly what: string;
  private readonly companions: CompanionFiles | undefined;
  private readonly offsets: OffsetSpace;
  private packageOnce: { readonly file: SplitFile | undefined } | undefined;

  /** @param what names the program in messages */
  constructor(what: string, companions: CompanionFiles | undefined, offsets: OffsetSpace) {
    this.what = what;
    this.companions = companions;
    this.offsets = offsets;
  }

  /** The whole of a unit; itself when it is no skeleton.
   *  @throws HcrError `debug-file-missing` */
  wholeOf(dies: UnitDies): UnitDies {
    const { root } = dies;
    const name = root.text(DW_AT.dwo_name) ?? root.text(DW_AT.GNU_dwo_name);
    if (name === undefined) return dies;
    const id = splitIdOf(dies.header, root);
    const fail = (reason: string): never => {
      throw new HcrError({ code: 'debug-file-missing', file: name, module: this.what, reason });
    };
    if (id === undefined) return fail('its skeleton has no signature for');
    const packaged = this.package()?.unitOf(dies, id);
    if (packaged !== undefined) return packaged;
    let reason = 'is not there';
    for (const elf of this.companions?.splitFiles(name, root.text(DW_AT.comp_dir)) ?? []) {
      const found = attempt(() => new SplitFile(elf, this.offsets).unitOf(dies, id));
      if (found instanceof HcrError) reason = `cannot be read (${found.message})`;
      else if (found !== undefined) return found;
      else reason = 'is of another build';
    }
    return fail(reason);
  }

  private package(): SplitFile | undefined {
    this.packageOnce ??= { file: openPackage(this.companions?.package(), this.offsets) };
    return this.packageOnce.file;
  }
}

/** A package that cannot be read is as good as none: the files it was made of may be there. */
function openPackage(elf: ElfFile | undefined, offsets: OffsetSpace): SplitFile | undefined {
  return elf && unlessMalformed(() => new SplitFile(elf, offsets));
}

function attempt<T>(read: () => T): T | HcrError {
  try {
    return read();
  } catch (error) {
    if (isHcrError(error, 'malformed-file')) return error;
    throw error;
  }
}
