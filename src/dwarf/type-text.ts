/**
 * Types as the source would write them. A C declaration reads from the name outwards, so a type
 * is written around a declarator: `int (*handler)(int)`.
 */
import { DW_LANG } from './constants.js';
import { parameterDies, readType, type Type, type TypeDie, typeOf } from './types.js';

/** Entries that one text may visit. The file may nest types without end, or twofold at each of
 *  many levels. */
const MAX_VISITS = 500;

type QualifiedType = Extract<Type, { readonly kind: 'qualified' }>;

interface Visits {
  left: number;
}

/** @param declarator what is declared, `name` or `name(int)`; empty for the type alone
 *  @throws HcrError `malformed-file` */
export function typeText(die: TypeDie, declarator = ''): string {
  return write(die, declarator, { left: MAX_VISITS });
}

function write(die: TypeDie, declarator: string, visits: Visits): string {
  visits.left -= 1;
  if (visits.left < 0) return after('…', declarator);
  const type = readType(die);
  switch (type.kind) {
    case 'void':
      return after('void', declarator);
    case 'base':
    case 'alias':
      return after(type.name, declarator);
    case 'other':
      return after(type.name === '' ? '?' : type.name, declarator);
    case 'pointer':
      return write(type.target, group(type.target, type.symbol + declarator), visits);
    case 'member-pointer': {
      const record = write(type.record, '', visits);
      return write(type.target, group(type.target, `${record}::*${declarator}`), visits);
    }
    case 'qualified':
      return writeQualified(type, declarator, visits);
    case 'array': {
      const dimensions = type.counts.map((count) => `[${count ?? ''}]`).join('');
      return write(type.element, declarator + (dimensions === '' ? '[]' : dimensions), visits);
    }
    case 'function':
      return write(type.returns, `${declarator}(${parameters(die, visits)})`, visits);
    case 'record':
      return after(tagged(die, type.keyword, type.name), declarator);
    case 'enum':
      return after(tagged(die, 'enum', type.name), declarator);
  }
}

/** `const char *` but `char *const`: what qualifies a pointer goes between it and the name. */
function writeQualified(type: QualifiedType, declarator: string, visits: Visits): string {
  if (type.qualifier === '' || isQualifiedWithin(type)) {
    return write(type.target, declarator, visits);
  }
  const { kind } = readType(type.target);
  if (kind === 'pointer' || kind === 'member-pointer') {
    return write(type.target, after(type.qualifier, declarator), visits);
  }
  return `${type.qualifier} ${write(type.target, declarator, visits)}`;
}

/** gcc qualifies an array and its elements, which is the same thing said twice. */
function isQualifiedWithin({ qualifier, target }: QualifiedType): boolean {
  const type = readType(target);
  if (type.kind !== 'array') return false;
  const element = readType(type.element);
  return element.kind === 'qualified' && element.qualifier === qualifier;
}

function parameters(die: TypeDie, visits: Visits): string {
  const { entries, variadic } = die ? parameterDies(die) : { entries: [], variadic: false };
  return parameterList(
    entries.slice(0, MAX_VISITS).map((entry) => write(typeOf(entry), '', visits)),
    variadic,
  );
}

/** What stands between the parentheses. */
export function parameterList(texts: readonly string[], variadic: boolean): string {
  const all = variadic ? [...texts, '...'] : texts;
  return all.length === 0 ? 'void' : all.join(', ');
}

function after(text: string, declarator: string): string {
  return declarator === '' ? text : `${text} ${declarator}`;
}

/** A pointer to an array or function needs parentheses, which bind tighter than `[]` and `()`. */
function group(target: TypeDie, declarator: string): string {
  const { kind } = readType(target);
  return kind === 'array' || kind === 'function' ? `(${declarator})` : declarator;
}

export const C_LANGUAGES: ReadonlySet<number | undefined> = new Set(Object.values(DW_LANG));

/** Only C needs the keyword before a tag. */
function tagged(die: TypeDie, keyword: string, name: string | undefined): string {
  if (name === undefined) return `${keyword} {…}`;
  return C_LANGUAGES.has(die?.unit.language) ? `${keyword} ${name}` : name;
}
