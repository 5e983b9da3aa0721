/** An object file as the linker of hcr goes through it: sections, relocations, frames, handlers. */
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { openObjectDebugInfo } from '../../src/dwarf/object-debug-info.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import { readObjectFile } from '../../src/elf/object-file.js';
import { typeTableEnd } from '../../src/link/handled-types.js';
import { objectsIn, readObjectFunctions } from '../../src/link/object-unit.js';
import { readEditedUnit } from '../../src/link/read-object-unit.js';
import { FrameLayout, framesOf } from '../../src/link/unwind-frames.js';
import { mutateElf } from '../mutate-elf.js';
import { type Target, attempt } from '../target.js';
import { askDebugInfo } from './ask-debug.js';
import { named } from './seed-choice.js';

function askLinker(input: Uint8Array): void {
  const { unit } = readEditedUnit(input, 'damaged', x8664);
  const { object, functions } = unit;
  const frames = framesOf(unit);
  for (const { section, offset } of functions) {
    attempt(() => frames.handlersOf(section, offset));
    attempt(() => frames.relocationsOf(section));
  }
  attempt(
    () =>
      new FrameLayout(
        frames,
        functions.map(({ section }) => section),
        x8664.jumps,
      ),
  );
  for (const section of object.sections) {
    if (section.name.startsWith('.gcc_except_table'))
      attempt(() => typeTableEnd(object.bytesOf(section), true, 'damaged'));
  }
}

export const object: Target = {
  name: 'object',
  seeds: (all) =>
    named(
      all,
      ...['object', 'object4', 'objectZlib', 'objectClang', 'objectClasses', 'objectClassesClang'],
    ),
  mutate: mutateElf,
  run: (input) => {
    const read = readObjectFile(bytesInMemory(input), x8664.elfMachine, 'damaged');
    for (const section of read.sections) {
      for (const { type, addend } of attempt(() => read.relocationsOf(section)) ?? []) {
        x8664.relocations.rule(type)?.needs.concat(String(addend));
      }
      attempt(() => read.symbolsIn(section));
      attempt(() => objectsIn(read, section));
      read.groupOf(section);
    }
    attempt(() => readObjectFunctions(read));
    attempt(() => {
      askLinker(input);
    });
    const debug = openObjectDebugInfo(read, x8664.relocations);
    if (debug !== undefined) askDebugInfo(debug.info);
  },
};
