/** What GNU ld makes of one section of an object when every section is where hcr says it is. */
import { SHF } from '../../src/elf/constants.js';
import { openElf } from '../../src/elf/elf-file.js';
import type { ObjectFile } from '../../src/elf/object-file.js';
import type { Workshop } from '../arch/x86-64/build-with-gcc.js';

export interface LdInput {
  readonly object: ObjectFile;
  readonly path: string;
  /** Name of the section to link. */
  readonly section: string;
  /** Where it, and each section that it refers to, is. */
  readonly sections: ReadonlyMap<string, number>;
  /** Where symbols are, those that the object itself defines included. */
  readonly symbols: ReadonlyMap<string, number>;
  /** Where ld may put its global offset table. */
  readonly got: number;
}

export interface LdOutput {
  readonly bytes: Uint8Array;
  /** The 8 bytes at an address in its global offset table. */
  slotAt(address: number): bigint | undefined;
  /** Where its `_GLOBAL_OFFSET_TABLE_` is. */
  readonly gotBase: number | undefined;
}

let count = 0;
const hex = (value: number): string => `0x${value.toString(16)}`;

export function linkWithLd(shop: Workshop, input: LdInput): LdOutput {
  const { object, sections, symbols } = input;
  const name = `ld${count++}`;
  // ld would fold equal strings and constants; hcr keeps them where the compiler put them.
  const unmerged = object.sections
    .filter(({ flags }) => (flags & SHF.MERGE) !== 0 && (flags & SHF.ALLOC) !== 0)
    .map((section) => `--set-section-flags=${section.name}=alloc,readonly,data,contents`);
  shop.run('objcopy', ...unmerged, input.path, `${name}.o`);
  let elsewhere = 0x10000;
  const statements = object.sections
    .filter(({ flags, sizeBytes }) => (flags & SHF.ALLOC) !== 0 && sizeBytes > 0)
    .filter(({ name: section }) => section !== '.eh_frame' && !section.startsWith('.note'))
    .map((section, i) => {
      const at = sections.get(section.name) ?? (elsewhere += 0x10000);
      return `  .out${i} ${hex(at)} : { *(${section.name}) }`;
    });
  const script = [
    'SECTIONS {',
    ...statements,
    // In one section with the other, ld would count GOT64 from the wrong place.
    `  .got ${hex(input.got)} : { *(.got) }`,
    `  .got.plt ${hex(input.got + 0x10000)} : { *(.got.plt) }`,
    '  /DISCARD/ : { *(.comment) *(.note*) *(.eh_frame) *(.debug*) }',
    '}',
    ...[...symbols].map(([symbol, at]) => `${symbol} = ${hex(at)};`),
  ];
  shop.write(`${name}.ld`, `${script.join('\n')}\n`);
  shop.run(
    'ld',
    '-static',
    '--no-relax',
    '--no-check-sections',
    '-z',
    'norelro',
    '-e',
    '0',
    '-T',
    `${name}.ld`,
    '-o',
    `${name}.elf`,
    `${name}.o`,
  );
  using elf = openElf(shop.path(`${name}.elf`));
  const index = statements.findIndex((line) => line.endsWith(`{ *(${input.section}) }`));
  const found = elf.section(`.out${index}`);
  if (found === undefined) throw new Error(`ld left ${input.section} out`);
  const got = elf.section('.got');
  const slots = got === undefined ? new Uint8Array() : Uint8Array.from(elf.sectionBytes(got));
  return {
    bytes: Uint8Array.from(elf.sectionBytes(found)),
    gotBase: elf.symbols().findByName('_GLOBAL_OFFSET_TABLE_')[0]?.value,
    slotAt(address) {
      const offset = address - (got?.address ?? 0);
      if (offset < 0 || offset + 8 > slots.length) return undefined;
      return new DataView(slots.buffer).getBigUint64(offset, true);
    },
  };
}
