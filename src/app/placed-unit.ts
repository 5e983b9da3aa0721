/** A unit whose new code has its addresses. */
import type { Layout } from '../link/layout.js';
import type { LinkedImage } from '../link/link.js';
import type { Block } from '../patch/ledger.js';
import type { PreparedUnit } from './prepare-unit.js';

export interface PlacedUnit {
  readonly prepared: PreparedUnit;
  readonly layout: Layout;
  readonly image: LinkedImage;
  readonly blocks: readonly Block[];
}
