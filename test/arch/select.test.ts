import { expect, it } from 'vitest';
import { machineFor, machineNamed } from '../../src/arch/select.js';

it('finds a machine by the number in ELF files and by name', () => {
  const machine = machineFor(62);
  expect(machine?.name).toBe('x86-64');
  expect(machineNamed('x86-64')).toBe(machine);
});

it('knows none for other numbers and names', () => {
  expect(machineFor(183)).toBeUndefined();
  expect(machineNamed('vax')).toBeUndefined();
});
