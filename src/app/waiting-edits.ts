/**
 * What was saved during a watch and cannot go live. It is tried again with the next save, and does not
 * keep that from going live by itself where no unit is made of both.
 */
import { realPath } from '../build/file-kind.js';
import { type HcrError, isHcrError } from '../core/failure.js';
import type { ChangedUnits } from './changed-units.js';
import type { PatchReport } from './report.js';
import type { UnitFiles } from './unit-files.js';

interface MadeLive {
  readonly report: PatchReport;
  readonly units: readonly UnitFiles[];
}

export class WaitingEdits {
  private readonly waiting = new Set<string>();
  /** What the compiler said of sources that do not compile. */
  private readonly broken = new Map<string, HcrError>();

  get files(): string[] {
    return [...this.waiting];
  }

  /** @param error why they are not live */
  add(files: readonly string[], error: HcrError): void {
    const { failure } = error;
    for (const file of files) this.waiting.add(file);
    if (failure.code === 'compile-failed' && failure.source !== undefined)
      this.broken.set(realPath(failure.source), error);
  }

  /**
   * Patches everything, or else what is fresh.
   * @param aside units made of what waits
   * @throws HcrError where neither can go live
   */
  async makeLive(
    fresh: ChangedUnits,
    aside: ChangedUnits,
    patch: (units: readonly UnitFiles[]) => Promise<PatchReport>,
  ): Promise<MadeLive> {
    for (const { source } of fresh.units) this.broken.delete(source);
    const others = aside.units.filter(
      ({ source, module }) =>
        !fresh.units.some((each) => each.source === source && each.module === module),
    );
    const isApart = others.length > 0 && others.length === aside.units.length;
    try {
      // The compiler would say the same again.
      const [known] = others.flatMap(({ source }) => this.broken.get(source) ?? []);
      if (known !== undefined) throw known;
      const units = [...fresh.units, ...others];
      const report = await patch(units);
      this.waiting.clear();
      return { report, units };
    } catch (error) {
      if (!isApart || fresh.units.length === 0 || !isHcrError(error)) throw error;
      const report = await patch(fresh.units);
      for (const file of fresh.files) this.waiting.delete(file);
      return { report, units: fresh.units };
    }
  }
}
