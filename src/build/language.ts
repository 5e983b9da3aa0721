/** Which language a unit is written in, as far as it decides which compiler driver to run. */
import { extname } from 'node:path';
import { HcrError } from '../core/failure.js';
import type { CompilerFamily } from './producer-flags.js';

export type Language = 'c' | 'c++';

export const CPP_EXTENSIONS = new Set([
  '.cc',
  '.cp',
  '.cxx',
  '.cpp',
  '.c++',
  '.C',
  '.CPP',
  '.ii',
  '.tcc',
]);

/** Names as DWARF constants, readelf and gcc write them: `DW_LANG_C_plus_plus_14`, `C++14`, `C17`. */
function languageByName(name: string): Language | 'other' | undefined {
  const bare = name.replace(/^DW_LANG_/, '').replace(/^(ANSI|GNU) /, '');
  if (/c_plus_plus|\+\+|cpp/i.test(bare)) return 'c++';
  if (/^C(\d[\dA-Za-z])?$/i.test(bare)) return 'c';
  // GIMPLE is what gcc writes after link-time optimisation, of any language.
  return bare === '' || bare === 'GIMPLE' ? undefined : 'other';
}

/**
 * The first of DWARF's language, the producer's and the file's ending that says anything.
 *
 * @throws HcrError `unsupported-language` when the unit is neither C nor C++
 */
export function decideLanguage(
  source: string,
  dwarfLanguage: string | undefined,
  producerLanguage: string | undefined,
): Language {
  for (const name of [dwarfLanguage, producerLanguage]) {
    const language = languageByName(name ?? '');
    if (language === 'other') {
      throw new HcrError({ code: 'unsupported-language', source, language: name ?? '' });
    }
    if (language !== undefined) return language;
  }
  return CPP_EXTENSIONS.has(extname(source)) ? 'c++' : 'c';
}

/** Names of the driver to try, the most exact first. */
export function driverNames(family: CompilerFamily, language: Language, version: string): string[] {
  const major = /^\d+/.exec(version)?.[0];
  const versioned = (name: string): string[] =>
    major === undefined ? [name] : [`${name}-${major}`, name];
  const gnu = language === 'c++' ? 'g++' : 'gcc';
  const clang = language === 'c++' ? 'clang++' : 'clang';
  const standard = language === 'c++' ? 'c++' : 'cc';
  if (family === 'gcc') return [...versioned(gnu), standard];
  if (family === 'clang') return versioned(clang);
  return [standard, gnu, clang];
}
