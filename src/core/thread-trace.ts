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

/** As people read it, a line for each frame. */
export function traceText({ tid, name, frames, end }: ThreadTrace): string {
  const shown = frames.slice(0, SHOWN_FRAMES).map(frameText);
  const left = frames.length - shown.length;
  return [
    `  thread ${tid} (${name})`,
    ...shown.map((line, i) => `    #${i} ${line}`),
    ...(left > 0 ? [`    ... and ${left} more`] : end === 'complete' ? [] : [`    (${ENDS[end]})`]),
  ].join('\n');
}

const SHOWN_FRAMES = 24;

const ENDS: { readonly [E in TraceEnd]: string } = {
  complete: '',
  'no-description': 'nothing is known of the code that follows',
  unreadable: 'the frame that follows cannot be read',
  damaged: 'the frames that follow make no sense',
  'too-deep': 'and more',
};

function frameText(frame: TraceFrame): string {
  const { address, function: name, offset, module, source, generation, kind } = frame;
  return [
    ...(kind === 'interrupted' ? ['<signal>'] : []),
    name === undefined ? address : offset === undefined ? name : `${name}+${offset}`,
    ...(source === undefined ? (module === undefined ? [] : [`in ${module}`]) : [`at ${source}`]),
    ...(generation === undefined ? [] : [`(generation ${generation})`]),
  ].join(' ');
}
