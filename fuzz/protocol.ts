/** What the two threads of a campaign tell each other. */

export interface Assignment {
  readonly targetName: string;
  readonly seeds: ReadonlyMap<string, Uint8Array>;
  /** Inputs that earlier runs kept. */
  readonly corpus: readonly Uint8Array[];
  readonly seed: number;
  /** See {@link CONTROL}. */
  readonly shared: SharedArrayBuffer;
}

/** The shared memory: two 32-bit numbers, then the input that is being run. */
export const CONTROL = { executions: 0, lengthBytes: 1, inputAt: 8 } as const;

export type WorkerMessage =
  | {
      readonly kind: 'finding';
      /** The same for all inputs that fail alike. */
      readonly signature: string;
      readonly detail: string;
      readonly input: Uint8Array;
    }
  /** It reaches something that no other does. */
  | { readonly kind: 'kept'; readonly input: Uint8Array }
  | {
      readonly kind: 'progress';
      /** Since the last one. */
      readonly executions: number;
      readonly corpus: number;
      readonly coveredBytes: number;
    };
