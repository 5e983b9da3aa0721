/** How a machine's relocations are applied and read back, by the psABI's rules. */

/**
 * What the linker has to supply as S for a relocation:
 * - `address`: the symbol's address
 * - `branch`: the symbol's address, or that of a stub which jumps there
 * - `got`: the address of a slot that holds the symbol's address
 * - `tp-offset`: the symbol's offset from the thread pointer
 * - `got-tp-offset`: the address of a slot that holds that offset
 * - `tls-index`: the address of a pair {module id, the symbol's offset in that module's thread-local
 *   block}, the argument of `__tls_get_addr` (general dynamic)
 * - `tls-module`: the address of a pair {module id, 0} (local dynamic)
 * - `module-tls-offset`: the symbol's offset in its module's thread-local block
 * - `tls-descriptor`: the address of a TLS descriptor {function, argument}
 * - `tls-call`: no value; it marks the call through a TLS descriptor
 * - `got-base`: the address that offsets into the GOT are counted from
 * - `size`: the symbol's size
 * - `nothing`: no value (markers)
 */
export type RelocationNeed =
  | 'address'
  | 'branch'
  | 'got'
  | 'tp-offset'
  | 'got-tp-offset'
  | 'tls-index'
  | 'tls-descriptor'
  | 'tls-module'
  | 'module-tls-offset'
  | 'tls-call'
  | 'got-base'
  | 'size'
  | 'nothing';

export interface RelocationRule {
  /** The psABI's name, `R_X86_64_PC32`. */
  readonly name: string;
  readonly needs: RelocationNeed;
  /** Bytes of the section that the relocation writes, from its offset. */
  readonly widthBytes: number;
  /** True when the value depends on P, the place. */
  readonly pcRelative: boolean;
  /** True when S is to be counted from the GOT's base: then S is what {@link needs} says less that
   *  base. */
  readonly fromGotBase: boolean;
}

/**
 * What the dynamic linker left in the place of a relocation of a linked module:
 * - `address`: the symbol's address plus the addend
 * - `call-slot`: the address of a function, or until its first call that of code which finds it
 * - `resolved`: what the IFUNC resolver at the addend returned
 * - `copy`: the symbol's content, copied from where a library defines it
 * - `tls-module`: the id of the module that has the symbol's thread-local block, or of this module
 *   when there is no symbol
 * - `tls-offset`: the symbol's offset in that block plus the addend
 * - `tls-descriptor`: two words {function, argument}
 * - `tp-offset`: the symbol's offset from the thread pointer plus the addend
 */
export type DynamicRelocation =
  | 'address'
  | 'call-slot'
  | 'resolved'
  | 'copy'
  | 'tls-module'
  | 'tls-offset'
  | 'tls-descriptor'
  | 'tp-offset';

/** The psABI's letters: S the symbol value as {@link RelocationNeed} says, A the addend, P the
 *  address of the place being relocated. */
export interface RelocationTerms {
  readonly S: number;
  readonly A: number;
  readonly P: number;
}

export interface Relocations {
  /** Distance in bytes from the place of a PC-relative field in code to the address the processor
   *  counts from, which compilers take off the addend. */
  readonly pcBiasBytes: number;
  /** `undefined` for a type that hcr cannot link. */
  rule(type: number): RelocationRule | undefined;
  /** The psABI's name, also of types without a rule. */
  nameOf(type: number): string;
  /** What a relocation of a linked module leaves in its place; undefined for one that says nothing
   *  of a symbol. */
  dynamicKind(type: number): DynamicRelocation | undefined;
  /** Writes the relocated field at `bytes[offset]`. False, with nothing written, when the value
   *  does not fit the field. The field's old bytes are overwritten, not added to (RELA).
   *  @throws HcrError `malformed-file` when the field is not inside `bytes`,
   *  `unexpected` for a type without a {@link rule} */
  apply(type: number, bytes: Uint8Array, offset: number, terms: RelocationTerms): boolean;
  /** The inverse: the S for which a live field has its present value. Exact for any addend,
   *  also when an immediate follows the field. A marker without a field reads as 0.
   *  @throws HcrError as {@link apply} */
  read(type: number, bytes: Uint8Array, offset: number, terms: Omit<RelocationTerms, 'S'>): number;
}
