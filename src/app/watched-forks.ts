/** Processes that a watched program has forked and that run what it runs: they are brought along. */
import { isHcrError } from '../core/failure.js';
import type { KnownModules } from '../ptrace/known-modules.js';
import { forksOf } from '../ptrace/process-list.js';
import { UnitSearch } from './changed-units.js';
import type { KnownUnits } from './known-units.js';
import type { ProcessImage } from './observe.js';
import { openForChange } from './open-for-change.js';
import type { ProcessOutcome } from './reload-many.js';
import type { PatchOptions, PatchReport } from './report.js';
import { Stopwatch } from './stopwatch.js';
import type { UnitFiles } from './unit-files.js';

export interface ForkTools {
  readonly options: PatchOptions;
  readonly modules: KnownModules;
  readonly units: KnownUnits;
  readonly patch: (
    image: ProcessImage,
    units: readonly UnitFiles[],
    notes: readonly string[],
    stopwatch: Stopwatch,
  ) => Promise<PatchReport>;
}

const quietly = (): void => undefined;

export class WatchedForks {
  private readonly pid: number;
  private readonly tools: ForkTools;
  private known: ReadonlySet<number> = new Set();

  /** @param pid of the program */
  constructor(pid: number, tools: ForkTools) {
    this.pid = pid;
    this.tools = tools;
  }

  /** Brings them to where the program is itself.
   *  @param units that it was patched with just now
   *  @param everything whether to look at all units, as is done with a process that is new */
  async follow(units: readonly UnitFiles[], everything: boolean): Promise<ProcessOutcome[]> {
    const { options, modules, units: knownUnits, patch } = this.tools;
    const outcomes: ProcessOutcome[] = [];
    const pids = forksOf(this.pid);
    for (const pid of this.known) if (!pids.includes(pid)) modules.forget(pid);
    const sources = units.map(({ source }) => source);
    for (const pid of pids) {
      const stopwatch = new Stopwatch();
      const opening = openForChange(pid, options, stopwatch, quietly, undefined, modules);
      try {
        const { image: opened, notes } = await opening;
        using image = opened;
        const search = new UnitSearch(image, options, knownUnits);
        const isNew = everything || !this.known.has(pid);
        const { units: wanted } = isNew ? await search.newer() : search.withSources(sources);
        outcomes.push({ pid, report: await patch(image, wanted, notes, stopwatch) });
      } catch (error) {
        if (!isHcrError(error)) throw error;
        if (error.code !== 'no-such-process' && error.code !== 'target-exited')
          outcomes.push({ pid, error });
      }
    }
    this.known = new Set(pids);
    return outcomes;
  }
}
