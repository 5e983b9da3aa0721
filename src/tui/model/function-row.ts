/** A function as the list has it. */
import type { FunctionListing } from '../../app/report.js';

export interface FunctionRow {
  /** Unique in the list, and the same when the list is read again. */
  readonly key: string;
  /** As the source has it. */
  readonly name: string;
  /** What `attach --func` finds it by. */
  readonly symbol: string;
  /** Name of the module's file. */
  readonly module: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** Whether its source is there to be edited. */
  readonly isMine: boolean;
  readonly listing: FunctionListing;
}

/** How a patch is tried. */
export type PatchWay = 'checked' | 'unchecked' | 'when-idle';
