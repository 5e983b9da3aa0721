/** Where a thread is and how it came there, as results and failures tell it: plain values. */

/**
 * Why a trace has no further frame:
 * - `complete`: the thread began here
 * - `no-description`: nothing is known of the code
 * - `unreadable`: memory that it needs cannot be read, or a register is not known
 * - `damaged`: a frame description means nothing, or the stack leads back
 * - `too-deep`: there are more frames than anyone wants to see
 */
export type TraceEnd = 'complete' | 'no-description' | 'unreadable' | 'damaged' | 'too-deep';

export interface TraceFrame {
  /** `0x…`: where the thread stands, or where it returns to. */
  readonly address: string;
  /** As in the source where that is known, else as in the symbol table. */
  readonly function?: string;
  /** From the start of the function, in bytes. */
  readonly offset?: number;
  /** Last part of the module's path. */
  readonly module?: string;
  /** `file:line` of the instruction; of the function's definition in code that hcr brought. */
  readonly source?: string;
  /** Of code that hcr brought. */
  readonly generation?: number;
  /** `innermost`: where the thread stands; `caller`: where a call returns to; `interrupted`: where
   *  a signal came. */
  readonly kind: 'innermost' | 'caller' | 'interrupted';
}

export interface ThreadTrace {
  readonly tid: number;
  /** The thread's own name (`comm`). */
  readonly name: string;
  /** The innermost first. */
  readonly frames: readonly TraceFrame[];
  readonly end: TraceEnd;
}
