/**
 * Constants of the ELF format in the specification's spelling. What belongs to one machine
 * (relocation types, processor-specific properties) is in `src/arch/<machine>/`.
 *
 * @see gABI chapters 4 and 5, elf(5), and the GNU extensions in the LSB core specification
 */

/** Indices into `e_ident`. */
export const EI = { CLASS: 4, DATA: 5, VERSION: 6, OSABI: 7, NIDENT: 16 } as const;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const ELFDATA2MSB = 2;
export const EV_CURRENT = 1;

/** `e_type`. */
export const ET = { NONE: 0, REL: 1, EXEC: 2, DYN: 3, CORE: 4 } as const;

/** `e_machine`. */
export const EM = {
  '386': 3,
  ARM: 40,
  X86_64: 62,
  AARCH64: 183,
  RISCV: 243,
  LOONGARCH: 258,
} as const;

/** `e_phnum` when the real count is in `sh_info` of section 0. */
export const PN_XNUM = 0xffff;

/** `sh_type`. */
export const SHT = {
  NULL: 0,
  PROGBITS: 1,
  SYMTAB: 2,
  STRTAB: 3,
  RELA: 4,
  HASH: 5,
  DYNAMIC: 6,
  NOTE: 7,
  NOBITS: 8,
  REL: 9,
  DYNSYM: 11,
  INIT_ARRAY: 14,
  FINI_ARRAY: 15,
  PREINIT_ARRAY: 16,
  GROUP: 17,
  SYMTAB_SHNDX: 18,
  RELR: 19,
  GNU_HASH: 0x6ffffff6,
  GNU_VERDEF: 0x6ffffffd,
  GNU_VERNEED: 0x6ffffffe,
  GNU_VERSYM: 0x6fffffff,
} as const;

/** Bits of `sh_flags` (of its lower 32 bits). */
export const SHF = {
  WRITE: 0x1,
  ALLOC: 0x2,
  EXECINSTR: 0x4,
  MERGE: 0x10,
  STRINGS: 0x20,
  INFO_LINK: 0x40,
  LINK_ORDER: 0x80,
  GROUP: 0x200,
  TLS: 0x400,
  COMPRESSED: 0x800,
  GNU_RETAIN: 0x200000,
  EXCLUDE: 0x80000000,
} as const;

/** Special section indices, as `st_shndx` and `e_shstrndx` hold them. */
export const SHN = {
  UNDEF: 0,
  LORESERVE: 0xff00,
  ABS: 0xfff1,
  COMMON: 0xfff2,
  XINDEX: 0xffff,
} as const;

/** First word of an SHT_GROUP section. */
export const GRP_COMDAT = 0x1;

/** `ch_type`. */
export const ELFCOMPRESS = { ZLIB: 1, ZSTD: 2 } as const;

/** `p_type`. */
export const PT = {
  NULL: 0,
  LOAD: 1,
  DYNAMIC: 2,
  INTERP: 3,
  NOTE: 4,
  PHDR: 6,
  TLS: 7,
  GNU_EH_FRAME: 0x6474e550,
  GNU_STACK: 0x6474e551,
  GNU_RELRO: 0x6474e552,
  GNU_PROPERTY: 0x6474e553,
} as const;

/** Bits of `p_flags`. */
export const PF = { X: 1, W: 2, R: 4 } as const;

/** Symbol types, the low half of `st_info`. */
export const STT = {
  NOTYPE: 0,
  OBJECT: 1,
  FUNC: 2,
  SECTION: 3,
  FILE: 4,
  COMMON: 5,
  TLS: 6,
  GNU_IFUNC: 10,
} as const;

/** Symbol bindings, the high half of `st_info`. */
export const STB = { LOCAL: 0, GLOBAL: 1, WEAK: 2, GNU_UNIQUE: 10 } as const;

/** Symbol visibilities, the low two bits of `st_other`. */
export const STV = { DEFAULT: 0, INTERNAL: 1, HIDDEN: 2, PROTECTED: 3 } as const;

/** `.gnu.version`: bits and reserved indices. */
export const VERSYM = { HIDDEN: 0x8000, VERSION: 0x7fff } as const;
export const VER_NDX = { LOCAL: 0, GLOBAL: 1 } as const;
export const VER_FLG_BASE = 0x1;

/** `d_tag`. */
export const DT = {
  NULL: 0,
  NEEDED: 1,
  PLTRELSZ: 2,
  PLTGOT: 3,
  HASH: 4,
  STRTAB: 5,
  SYMTAB: 6,
  RELA: 7,
  RELASZ: 8,
  RELAENT: 9,
  STRSZ: 10,
  SYMENT: 11,
  INIT: 12,
  FINI: 13,
  SONAME: 14,
  RPATH: 15,
  SYMBOLIC: 16,
  REL: 17,
  RELSZ: 18,
  PLTREL: 20,
  DEBUG: 21,
  TEXTREL: 22,
  JMPREL: 23,
  BIND_NOW: 24,
  RUNPATH: 29,
  FLAGS: 30,
  RELRSZ: 35,
  RELR: 36,
  GNU_HASH: 0x6ffffef5,
  VERSYM: 0x6ffffff0,
  FLAGS_1: 0x6ffffffb,
  VERDEF: 0x6ffffffc,
  VERDEFNUM: 0x6ffffffd,
  VERNEED: 0x6ffffffe,
  VERNEEDNUM: 0x6fffffff,
} as const;

/** Bits of DT_FLAGS. */
export const DF = {
  ORIGIN: 0x1,
  SYMBOLIC: 0x2,
  TEXTREL: 0x4,
  BIND_NOW: 0x8,
  STATIC_TLS: 0x10,
} as const;

/** Bits of DT_FLAGS_1. */
export const DF_1 = { NOW: 0x1, NODELETE: 0x8, NOOPEN: 0x40, PIE: 0x08000000 } as const;

/** Types of notes whose owner is `GNU`. */
export const NT_GNU_BUILD_ID = 3;
export const NT_GNU_PROPERTY_TYPE_0 = 5;

/** Sizes in bytes of the ELF64 structures. */
export const ELF64 = {
  EHDR: 64,
  SHDR: 64,
  PHDR: 56,
  SYM: 24,
  RELA: 24,
  DYN: 16,
  CHDR: 24,
  NHDR: 12,
} as const;
