/**
 * What one search for translation units leaves for the next: which units a program has and of which
 * files they are made. It holds for as long as the modules are the same and the files are.
 */
import type { LoadedModule } from '../elf/loaded-module.js';
import type { UnitFiles } from './unit-files.js';

export class KnownUnits {
  private readonly units = new WeakMap<readonly LoadedModule[], readonly UnitFiles[]>();
  /** By source: every file that it includes, by the compiler's own account. Real paths. */
  private readonly included = new Map<string, ReadonlySet<string>>();

  /** @param modules one and the same list for as long as nothing about them is different */
  unitsOf(
    modules: readonly LoadedModule[],
    read: () => readonly UnitFiles[],
  ): readonly UnitFiles[] {
    const units = this.units.get(modules) ?? read();
    this.units.set(modules, units);
    return units;
  }

  includedBy(source: string): ReadonlySet<string> | undefined {
    return this.included.get(source);
  }

  learn(source: string, files: Iterable<string>): void {
    this.included.set(source, new Set(files));
  }

  /** Other lines may stand in these files now: what a unit with one of them includes is open. */
  forget(files: readonly string[]): void {
    for (const [source, included] of this.included)
      if (files.some((file) => included.has(file))) this.included.delete(source);
  }
}
