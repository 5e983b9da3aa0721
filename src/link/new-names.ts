/**
 * Global names that the units of one patch bring into the process for each other: functions and
 * variables that the program does not have yet.
 *
 * Where they are is known only when all the units have been laid out, and how a unit is laid out
 * depends on what it refers to. So each name has a mark in place of its address at first, below any
 * address that a program uses, and gets the real one before anything is linked.
 */
import { type Addr, addr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { STB, STT, STV } from '../elf/constants.js';
import type { LoadedModule } from '../elf/loaded-module.js';
import type { ObjectFile } from '../elf/object-file.js';
import type { ElfSymbol } from '../elf/symbols.js';

/** Apart enough for an addend not to make one mark another. */
const MARK_BYTES = 16;

/** A name and who defines it. */
export interface NewName<Unit = unknown> {
  readonly owner: Unit;
  readonly module: LoadedModule;
  readonly symbol: ElfSymbol;
}

export class NewNames<Unit = unknown> {
  private readonly byName = new Map<string, NewName<Unit>[]>();
  private readonly addresses = new Map<NewName<Unit>, Addr>();
  private readonly names = new Map<Addr, NewName<Unit>>();
  private marks = 0;

  /** @param object of a unit of the patch */
  add(owner: Unit, module: LoadedModule, object: ObjectFile): void {
    for (const symbol of object.symbols) {
      if (!isOffered(symbol)) continue;
      const others = this.byName.get(symbol.name) ?? [];
      this.byName.set(symbol.name, [...others, { owner, module, symbol }]);
    }
  }

  /** Where a name will be that `home` does not define; a mark before that is known.
   *  @throws HcrError `function-not-patchable` when several units define it */
  find(name: string, home: LoadedModule): Addr | undefined {
    const offered = (this.byName.get(name) ?? []).filter(
      ({ module, symbol }) => module === home || symbol.visibility === STV.DEFAULT,
    );
    const [found, ...others] = offered;
    if (found === undefined) return undefined;
    if (others.some(({ owner }) => owner !== found.owner)) {
      throw new HcrError({
        code: 'function-not-patchable',
        function: name,
        reason: 'it is new, and several of the files that are patched define it',
        advice: 'Name the files that belong to the program, or rename one of the definitions.',
      });
    }
    const known = this.addresses.get(found);
    if (known !== undefined) return known;
    this.marks += 1;
    const mark = addr(this.marks * MARK_BYTES);
    this.move(found, mark);
    return mark;
  }

  /** The new name that is, or will be, at an address. */
  at(address: Addr): NewName<Unit> | undefined {
    return this.names.get(address);
  }

  /** Says where a name is. @returns whether that is news */
  settle(owner: Unit, name: string, address: Addr): boolean {
    const found = this.byName.get(name)?.find((each) => each.owner === owner);
    return found !== undefined && this.move(found, address);
  }

  private move(name: NewName<Unit>, address: Addr): boolean {
    const before = this.addresses.get(name);
    if (before === address) return false;
    if (before !== undefined && this.names.get(before) === name) this.names.delete(before);
    this.addresses.set(name, address);
    this.names.set(address, name);
    return true;
  }
}

/** What other units may refer to, and a linker takes from nowhere else. */
function isOffered({ binding, home, type, visibility }: ElfSymbol): boolean {
  return (
    binding === STB.GLOBAL &&
    home === 'section' &&
    (type === STT.FUNC || type === STT.OBJECT || type === STT.NOTYPE) &&
    visibility !== STV.INTERNAL
  );
}
