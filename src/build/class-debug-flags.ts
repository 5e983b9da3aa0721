/**
 * Compilers leave out of the debug information what they expect another object to have: gcc the
 * layout of a class whose virtual table is elsewhere, clang that of one which is not constructed
 * here. hcr looks at one object, and wants to know all that its code was compiled with.
 * @see gcc's manual, -femit-class-debug-always; clang's, -fstandalone-debug
 */
import { basename, extname } from 'node:path';
import type { CompileCommand } from './compile-command.js';
import { CPP_EXTENSIONS } from './language.js';

/** Flags that make it complete; none for a compiler that is not known to have any. */
export function classDebugFlags({
  cc,
  source,
}: Pick<CompileCommand, 'cc' | 'source'>): readonly string[] {
  const driver = basename(cc);
  if (!driver.includes('++') && !CPP_EXTENSIONS.has(extname(source))) return [];
  if (driver.includes('clang')) return ['-fstandalone-debug'];
  return /g\+\+|gcc/.test(driver) ? ['-femit-class-debug-always'] : [];
}
