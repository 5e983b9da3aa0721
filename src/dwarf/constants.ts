/**
 * The numbers of DWARF that hcr looks at, in the specification's spelling: `DW_TAG.subprogram` is
 * `DW_TAG_subprogram`. Vendor extensions keep their vendor prefix.
 * @see DWARF 5, section 7 (data representation)
 */

/** @see DWARF 5, 7.5.1, table 7.2 */
export const DW_UT = {
  compile: 0x01,
  type: 0x02,
  partial: 0x03,
  skeleton: 0x04,
  split_compile: 0x05,
  split_type: 0x06,
} as const;

/** @see DWARF 5, 7.5.3, table 7.3 */
export const DW_TAG = {
  array_type: 0x01,
  class_type: 0x02,
  enumeration_type: 0x04,
  formal_parameter: 0x05,
  lexical_block: 0x0b,
  member: 0x0d,
  pointer_type: 0x0f,
  reference_type: 0x10,
  compile_unit: 0x11,
  structure_type: 0x13,
  subroutine_type: 0x15,
  typedef: 0x16,
  union_type: 0x17,
  unspecified_parameters: 0x18,
  variant: 0x19,
  inheritance: 0x1c,
  inlined_subroutine: 0x1d,
  ptr_to_member_type: 0x1f,
  subrange_type: 0x21,
  base_type: 0x24,
  const_type: 0x26,
  enumerator: 0x28,
  packed_type: 0x2d,
  subprogram: 0x2e,
  variant_part: 0x33,
  variable: 0x34,
  volatile_type: 0x35,
  restrict_type: 0x37,
  namespace: 0x39,
  unspecified_type: 0x3b,
  partial_unit: 0x3c,
  imported_unit: 0x3d,
  shared_type: 0x40,
  type_unit: 0x41,
  rvalue_reference_type: 0x42,
  template_alias: 0x43,
  atomic_type: 0x47,
  skeleton_unit: 0x4a,
  immutable_type: 0x4b,
  GNU_formal_parameter_pack: 0x4108,
} as const;

/** @see DWARF 5, 7.5.4, table 7.5 */
export const DW_AT = {
  location: 0x02,
  name: 0x03,
  byte_size: 0x0b,
  bit_offset: 0x0c,
  bit_size: 0x0d,
  stmt_list: 0x10,
  low_pc: 0x11,
  high_pc: 0x12,
  language: 0x13,
  import: 0x18,
  comp_dir: 0x1b,
  const_value: 0x1c,
  containing_type: 0x1d,
  inline: 0x20,
  producer: 0x25,
  lower_bound: 0x22,
  upper_bound: 0x2f,
  abstract_origin: 0x31,
  artificial: 0x34,
  calling_convention: 0x36,
  count: 0x37,
  data_member_location: 0x38,
  decl_file: 0x3a,
  decl_line: 0x3b,
  declaration: 0x3c,
  encoding: 0x3e,
  external: 0x3f,
  frame_base: 0x40,
  specification: 0x47,
  type: 0x49,
  call_file: 0x58,
  call_line: 0x59,
  call_all_calls: 0x7a,
  entry_pc: 0x52,
  virtuality: 0x4c,
  vtable_elem_location: 0x4d,
  ranges: 0x55,
  signature: 0x69,
  data_bit_offset: 0x6b,
  linkage_name: 0x6e,
  str_offsets_base: 0x72,
  addr_base: 0x73,
  rnglists_base: 0x74,
  dwo_name: 0x76,
  loclists_base: 0x8c,
  MIPS_linkage_name: 0x2007,
  noreturn: 0x87,
  defaulted: 0x8b,
  GNU_vector: 0x2107,
  GNU_all_call_sites: 0x2117,
  GNU_dwo_name: 0x2130,
  GNU_dwo_id: 0x2131,
  GNU_ranges_base: 0x2132,
  GNU_addr_base: 0x2133,
} as const;

/** @see DWARF 5, 7.5.6, table 7.6 */
export const DW_FORM = {
  addr: 0x01,
  block2: 0x03,
  block4: 0x04,
  data2: 0x05,
  data4: 0x06,
  data8: 0x07,
  string: 0x08,
  block: 0x09,
  block1: 0x0a,
  data1: 0x0b,
  flag: 0x0c,
  sdata: 0x0d,
  strp: 0x0e,
  udata: 0x0f,
  ref_addr: 0x10,
  ref1: 0x11,
  ref2: 0x12,
  ref4: 0x13,
  ref8: 0x14,
  ref_udata: 0x15,
  indirect: 0x16,
  sec_offset: 0x17,
  exprloc: 0x18,
  flag_present: 0x19,
  strx: 0x1a,
  addrx: 0x1b,
  ref_sup4: 0x1c,
  strp_sup: 0x1d,
  data16: 0x1e,
  line_strp: 0x1f,
  ref_sig8: 0x20,
  implicit_const: 0x21,
  loclistx: 0x22,
  rnglistx: 0x23,
  ref_sup8: 0x24,
  strx1: 0x25,
  strx2: 0x26,
  strx3: 0x27,
  strx4: 0x28,
  addrx1: 0x29,
  addrx2: 0x2a,
  addrx3: 0x2b,
  addrx4: 0x2c,
  GNU_addr_index: 0x1f01,
  GNU_str_index: 0x1f02,
  GNU_ref_alt: 0x1f20,
  GNU_strp_alt: 0x1f21,
} as const;

/** @see DWARF 5, 7.7.1, table 7.9 */
export const DW_OP = {
  addr: 0x03,
  deref: 0x06,
  const1u: 0x08,
  const1s: 0x09,
  const2u: 0x0a,
  const2s: 0x0b,
  const4u: 0x0c,
  const4s: 0x0d,
  const8u: 0x0e,
  const8s: 0x0f,
  constu: 0x10,
  consts: 0x11,
  dup: 0x12,
  over: 0x14,
  pick: 0x15,
  swap: 0x16,
  plus: 0x22,
  plus_uconst: 0x23,
  shl: 0x24,
  xor: 0x27,
  bra: 0x28,
  eq: 0x29,
  ne: 0x2e,
  skip: 0x2f,
  lit0: 0x30,
  reg31: 0x6f,
  breg0: 0x70,
  breg31: 0x8f,
  regx: 0x90,
  fbreg: 0x91,
  bregx: 0x92,
  piece: 0x93,
  deref_size: 0x94,
  xderef_size: 0x95,
  nop: 0x96,
  form_tls_address: 0x9b,
  call_frame_cfa: 0x9c,
  bit_piece: 0x9d,
  implicit_value: 0x9e,
  stack_value: 0x9f,
  addrx: 0xa1,
  constx: 0xa2,
  entry_value: 0xa3,
  const_type: 0xa4,
  regval_type: 0xa5,
  deref_type: 0xa6,
  xderef_type: 0xa7,
  convert: 0xa8,
  reinterpret: 0xa9,
  GNU_push_tls_address: 0xe0,
  GNU_uninit: 0xf0,
  GNU_entry_value: 0xf3,
  GNU_const_type: 0xf4,
  GNU_regval_type: 0xf5,
  GNU_deref_type: 0xf6,
  GNU_convert: 0xf7,
  GNU_reinterpret: 0xf9,
  GNU_parameter_ref: 0xfa,
  GNU_addr_index: 0xfb,
  GNU_const_index: 0xfc,
} as const;

/** @see DWARF 5, 7.8, table 7.11 */
export const DW_ATE = {
  address: 0x01,
  boolean: 0x02,
  complex_float: 0x03,
  float: 0x04,
  signed: 0x05,
  signed_char: 0x06,
  unsigned: 0x07,
  unsigned_char: 0x08,
  imaginary_float: 0x09,
  packed_decimal: 0x0a,
  numeric_string: 0x0b,
  edited: 0x0c,
  signed_fixed: 0x0d,
  unsigned_fixed: 0x0e,
  decimal_float: 0x0f,
  UTF: 0x10,
  UCS: 0x11,
  ASCII: 0x12,
} as const;

/** The C languages; what else there is only matters as being none of these.
 *  @see DWARF 5, 7.12, table 7.17 */
export const DW_LANG = {
  C89: 0x01,
  C: 0x02,
  C99: 0x0c,
  C11: 0x1d,
  C17: 0x2c,
  C23: 0x3e,
} as const;

/** @see DWARF 5, 7.15, table 7.18 */
export const DW_CC = {
  normal: 0x01,
  program: 0x02,
  nocall: 0x03,
  pass_by_reference: 0x04,
  pass_by_value: 0x05,
} as const;

/** @see DWARF 5, 7.31, table 7.35 */
export const DW_DEFAULTED = { no: 0x00, in_class: 0x01, out_of_class: 0x02 } as const;

/** @see DWARF 5, 7.20, table 7.20 */
export const DW_INL = {
  not_inlined: 0x00,
  inlined: 0x01,
  declared_not_inlined: 0x02,
  declared_inlined: 0x03,
} as const;

/** @see DWARF 5, 7.25, table 7.30 */
export const DW_RLE = {
  end_of_list: 0x00,
  base_addressx: 0x01,
  startx_endx: 0x02,
  startx_length: 0x03,
  offset_pair: 0x04,
  base_address: 0x05,
  start_end: 0x06,
  start_length: 0x07,
} as const;

/** @see DWARF 5, 7.7.3, table 7.10 */
export const DW_LLE = {
  end_of_list: 0x00,
  base_addressx: 0x01,
  startx_endx: 0x02,
  startx_length: 0x03,
  offset_pair: 0x04,
  default_location: 0x05,
  base_address: 0x06,
  start_end: 0x07,
  start_length: 0x08,
  GNU_view_pair: 0x09,
} as const;

/** How location lists of split units were written before version 5.
 *  @see https://gcc.gnu.org/wiki/DebugFission, "Location lists" */
export const DW_LLE_GNU = {
  end_of_list_entry: 0x00,
  base_address_selection_entry: 0x01,
  start_end_entry: 0x02,
  start_length_entry: 0x03,
  offset_pair_entry: 0x04,
} as const;

/** @see DWARF 5, 7.3.5.3, table 7.1 */
export const DW_SECT = {
  INFO: 1,
  ABBREV: 3,
  LINE: 4,
  LOCLISTS: 5,
  STR_OFFSETS: 6,
  MACRO: 7,
  RNGLISTS: 8,
} as const;

/** @see https://gcc.gnu.org/wiki/DebugFissionDWP */
export const DW_SECT_V2 = {
  INFO: 1,
  TYPES: 2,
  ABBREV: 3,
  LINE: 4,
  LOC: 5,
  STR_OFFSETS: 6,
  MACINFO: 7,
  MACRO: 8,
} as const;

/** @see DWARF 5, 7.22, table 7.25 */
export const DW_LNS = {
  copy: 0x01,
  advance_pc: 0x02,
  advance_line: 0x03,
  set_file: 0x04,
  set_column: 0x05,
  negate_stmt: 0x06,
  set_basic_block: 0x07,
  const_add_pc: 0x08,
  fixed_advance_pc: 0x09,
  set_prologue_end: 0x0a,
  set_epilogue_begin: 0x0b,
  set_isa: 0x0c,
} as const;

/** @see DWARF 5, 7.22, table 7.26 */
export const DW_LNE = {
  end_sequence: 0x01,
  set_address: 0x02,
  define_file: 0x03,
  set_discriminator: 0x04,
} as const;

/** @see DWARF 5, 7.22, table 7.27 */
export const DW_LNCT = {
  path: 0x1,
  directory_index: 0x2,
  timestamp: 0x3,
  size: 0x4,
  MD5: 0x5,
} as const;
