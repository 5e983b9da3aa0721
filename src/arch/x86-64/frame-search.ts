/**
 * How the unwinder finds the frame descriptions of code that hcr put into the process.
 *
 * libgcc asks one function, `const fde *_Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *bases)`,
 * for the description of each frame; it knows the modules and what was given to `__register_frame`.
 * Calling the latter from outside is no good: it takes a lock and allocates memory, on a thread that
 * may hold either. So the function itself is redirected, like any other, to a search of hcr's own
 * table, which runs on into the original code for an address that is not hcr's.
 *
 * @see gcc libgcc/unwind-dw2-fde.h for `struct dwarf_eh_bases {tbase, dbase, func}`
 */
import { type Addr, addr } from '../../core/address.js';
import { assemble, ret, type Step } from './assembler.js';

/** rdi is the address, rsi the bases. Registers of a fresh call only: rax, rcx, rdx, r8, r9. */
function searchSteps(slot: Addr, displaced: Uint8Array, back: Addr): readonly Step[] {
  return [
    { bytes: [0xf3, 0x0f, 0x1e, 0xfa] }, //              endbr64
    {
      bytes: [0x4c, 0x8b, 0x05, 0, 0, 0, 0], //          mov slot(%rip),%r8
      ripRelative: { fieldOffset: 3, to: slot },
    },
    { bytes: [0x4d, 0x85, 0xc0] }, //                    test %r8,%r8
    { bytes: [0x74, 0x45] }, //                          je original
    { bytes: [0x31, 0xc9] }, //                          xor %ecx,%ecx        low
    { bytes: [0x49, 0x8b, 0x10] }, //                    mov (%r8),%rdx       high
    { bytes: [0x48, 0x39, 0xd1] }, //              next: cmp %rdx,%rcx
    { bytes: [0x73, 0x3b] }, //                          jae original
    { bytes: [0x48, 0x8d, 0x04, 0x11] }, //              lea (%rcx,%rdx),%rax
    { bytes: [0x48, 0xd1, 0xe8] }, //                    shr %rax             middle
    { bytes: [0x4c, 0x8d, 0x0c, 0x40] }, //              lea (%rax,%rax,2),%r9
    { bytes: [0x4f, 0x8d, 0x4c, 0xc8, 0x08] }, //        lea 8(%r8,%r9,8),%r9
    { bytes: [0x49, 0x3b, 0x39] }, //                    cmp (%r9),%rdi
    { bytes: [0x73, 0x05] }, //                          jae 1f
    { bytes: [0x48, 0x89, 0xc2] }, //                    mov %rax,%rdx
    { bytes: [0xeb, 0xe1] }, //                          jmp next
    { bytes: [0x49, 0x3b, 0x79, 0x08] }, //           1: cmp 8(%r9),%rdi
    { bytes: [0x72, 0x06] }, //                          jb found
    { bytes: [0x48, 0x8d, 0x48, 0x01] }, //              lea 1(%rax),%rcx
    { bytes: [0xeb, 0xd5] }, //                          jmp next
    { bytes: [0x31, 0xc0] }, //                   found: xor %eax,%eax
    { bytes: [0x48, 0x89, 0x06] }, //                    mov %rax,(%rsi)      tbase
    { bytes: [0x48, 0x89, 0x46, 0x08] }, //              mov %rax,8(%rsi)     dbase
    { bytes: [0x49, 0x8b, 0x01] }, //                    mov (%r9),%rax
    { bytes: [0x48, 0x89, 0x46, 0x10] }, //              mov %rax,16(%rsi)    func
    { bytes: [0x49, 0x8b, 0x41, 0x10] }, //              mov 16(%r9),%rax
    ret,
    { bytes: [...displaced] }, //              original:
    {
      bytes: [0xe9, 0, 0, 0, 0], //                      jmp back
      ripRelative: { fieldOffset: 1, to: back },
    },
  ];
}

const NOWHERE = addr(0);

export const FRAME_SEARCH_BYTES: number = assemble(
  NOWHERE,
  searchSteps(NOWHERE, new Uint8Array(), NOWHERE),
).code.length;

/** @param displaced whole instructions that mean the same at any address */
export function frameSearch(
  at: Addr,
  slot: Addr,
  displaced: Uint8Array,
  back: Addr,
): Uint8Array | undefined {
  const { code, reaches } = assemble(at, searchSteps(slot, displaced, back));
  return reaches ? code : undefined;
}

/** Frame description entries for hcr's stubs refer to this: return address in register 16, CFA at
 *  first rsp (7) + 8, addresses relative to their own place in 4 bytes.
 *  @see DWARF 5, 6.4.1; LSB 5 Core, 10.6.1 for the augmentation */
export const STUB_CIE: Uint8Array = Uint8Array.of(
  ...[20, 0, 0, 0], //          length
  ...[0, 0, 0, 0], //           CIE_id
  1, //                         version
  ...[0x7a, 0x52, 0x00], //     augmentation "zR"
  1, //                         code alignment
  0x78, //                      data alignment -8
  16, //                        return address register
  1, //                         augmentation length
  0x1b, //                      DW_EH_PE_pcrel | DW_EH_PE_sdata4
  ...[0x0c, 0x07, 0x08], //     DW_CFA_def_cfa rsp, 8
  ...[0x90, 0x01], //           DW_CFA_offset rip, CFA - 8
  ...[0, 0], //                 DW_CFA_nop
);
