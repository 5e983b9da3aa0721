/**
 * The names of functions: the one in the symbol table, which languages like C++ make up, and the
 * one in the source, by which users call them.
 */
import { DW_AT } from './constants.js';
import type { Entity } from './entity.js';
import type { FunctionEntry } from './functions.js';
import { C_LANGUAGES, parameterList, typeText } from './type-text.js';
import { declaredParameters, isConstMethod, typeOf } from './types.js';

/** As in the symbol table. */
export function symbolName({
  name,
  linkageName,
}: Pick<FunctionEntry | Entity, 'name' | 'linkageName'>): string {
  return linkageName ?? name;
}

/** Equal for two functions that are one in the source. Those that no other file sees have no
 *  symbol's name in gcc's debug information. */
export function identityOf({
  qualifiedName,
  linkageName,
}: Pick<FunctionEntry | Entity, 'qualifiedName' | 'linkageName'>): string {
  return linkageName ?? qualifiedName;
}

/** `Square::area(int) const`; undefined where the symbol has the name of the source.
 *  @throws HcrError `malformed-file` */
export function sourceLabel(entry: FunctionEntry): string | undefined {
  if (!isCxx(entry)) return undefined;
  return `${entry.qualifiedName}${parametersOf(entry)}`;
}

function isCxx(entry: FunctionEntry): boolean {
  return entry.linkageName !== undefined || !C_LANGUAGES.has(entry.die().unit.language);
}

function parametersOf(entry: FunctionEntry): string {
  const { entries, variadic } = declaredParameters(entry.declaration());
  const visible = entries.filter((die) => !die.flag(DW_AT.artificial));
  const list = parameterList(
    visible.map((die) => typeText(typeOf(die))),
    variadic,
  );
  return `(${list === 'void' ? '' : list})${isConstMethod(entries) ? ' const' : ''}`;
}

/** A function as a user names it: `area`, `Square::area`, `ns::f(int)`, `doubled<int>`. */
export interface WantedName {
  /** Without parameters. */
  readonly path: string;
  /** With them, when they were given. */
  readonly label: string | undefined;
  /** Words that occur in every symbol of that name. */
  readonly words: readonly string[];
}

export function parseWantedName(text: string): WantedName {
  const spaceless = normalize(text);
  const open = spaceless.indexOf('(', spaceless.startsWith('(anonymousnamespace)') ? 21 : 0);
  const isOperator = /(^|::)operator\(\)/.test(spaceless);
  const hasParameters = open > 0 && (!isOperator || spaceless.indexOf('(', open + 2) > 0);
  const end = isOperator ? spaceless.indexOf('(', open + 2) : open;
  const path = hasParameters ? spaceless.slice(0, end) : spaceless;
  const plain = withoutArguments(path).replace(/(^|::)operator.*$/, '');
  return {
    path,
    label: hasParameters ? spaceless : undefined,
    words: plain.match(/[A-Za-z_]\w*/g) ?? [],
  };
}

/** Whether a function has the name, in whatever scope and of whatever template arguments are left
 *  open. */
export function isCalled(entry: FunctionEntry, wanted: WantedName): boolean {
  const qualified = normalize(entry.qualifiedName);
  const path = wanted.path.includes('<') ? qualified : withoutArguments(qualified);
  if (path !== wanted.path && !path.endsWith(`::${wanted.path}`)) return false;
  if (wanted.label === undefined) return true;
  const label = normalize(sourceLabel(entry) ?? '');
  const parameters = wanted.label.slice(wanted.path.length);
  return label.endsWith(parameters) || label.endsWith(`${parameters}const`);
}

/** `ns::f` for `ns::f<int>`: what all instances of a template have in common. */
export function templateName(qualifiedName: string): string {
  return withoutArguments(normalize(qualifiedName));
}

/** Spaces say nothing, nobody writes the name of a namespace without one, and `long unsigned int` is
 *  `unsigned long`. */
function normalize(text: string): string {
  return text
    .replaceAll('(anonymous namespace)::', '')
    .replace(/\b(?:(?:unsigned|signed|long|short|int)\b\s*)+/g, integerType)
    .replace(/\s+/g, '');
}

function integerType(words: string): string {
  const has = (word: string): number => words.split(/\s+/).filter((each) => each === word).length;
  const sign = has('unsigned') > 0 ? 'unsigned' : '';
  const size = has('short') > 0 ? 'short' : 'long'.repeat(has('long'));
  return sign + (size === '' ? 'int' : size);
}

function withoutArguments(name: string): string {
  // Operators have these signs in their names.
  const operator = /(^|::)operator[^\w].*$/.exec(name)?.[0] ?? '';
  let depth = 0;
  let plain = '';
  for (const sign of name.slice(0, name.length - operator.length)) {
    if (sign === '<') depth += 1;
    if (depth === 0) plain += sign;
    if (sign === '>') depth -= 1;
  }
  return plain + operator;
}
