/** How the machine's code reaches thread-local variables.
 *  @see Drepper, "ELF Handling For Thread-Local Storage"; psABI of the machine */
export interface ThreadLocals {
  /** Name of the function that turns a pair {module id, offset} into an address. */
  readonly addressFunctionName: string;
  /** Offset from the thread pointer at which the executable's block starts. */
  executableBlock(segment: {
    readonly memorySizeBytes: number;
    readonly alignment: number;
  }): number;
  /** The same for any module, from the distance that glibc keeps for it (`l_tls_offset`). */
  blockAtDistance(distanceBytes: number): number;
  /** Code of a TLS descriptor's function for which the argument is the offset from the thread
   *  pointer. Position-independent. */
  readonly descriptorFunction: Uint8Array;
  /** Code that does what {@link addressFunctionName} does, for pairs whose second word counts from
   *  the thread pointer. Position-independent. */
  readonly addressFunction: Uint8Array;
}
