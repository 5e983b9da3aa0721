/** What readelf says about where parameters are when their functions are entered, in the words of
 *  `parameterHomes`. */
import { readelf } from './oracles.js';

interface DumpedEntry {
  readonly offset: string;
  readonly depth: number;
  readonly tag: string;
  readonly attributes: ReadonlyMap<string, string>;
}

interface ListEntry {
  readonly start: number;
  readonly end: number;
  readonly expression: string;
}

/** By name and address: in an object each section starts at 0. Functions in several parts, which
 *  have no `DW_AT_low_pc`, are left out. */
export function dumpedHomes(path: string): ReadonlyMap<string, readonly string[]> {
  const entries = dumpedEntries(path);
  const lists = dumpedLists(path);
  const byOffset = new Map(entries.map((entry) => [entry.offset, entry]));
  const origin = (entry: DumpedEntry): DumpedEntry => {
    const target = /0x(\w+)/.exec(entry.attributes.get('abstract_origin') ?? '')?.[1];
    const next = target === undefined ? undefined : byOffset.get(target);
    return next === undefined ? entry : origin(next);
  };
  const parametersOf = (entry: DumpedEntry): readonly DumpedEntry[] => {
    const inside = entries.slice(entries.indexOf(entry) + 1);
    const after = inside.findIndex(({ depth }) => depth <= entry.depth);
    const children = after < 0 ? inside : inside.slice(0, after);
    return children.filter(
      ({ depth, tag }) => depth === entry.depth + 1 && tag === 'formal_parameter',
    );
  };

  const homes = new Map<string, readonly string[]>();
  for (const body of entries) {
    const lowPc = body.attributes.get('low_pc');
    if (body.tag !== 'subprogram' || lowPc === undefined) continue;
    const address = Number.parseInt(/(?:0x)?(\w+)$/.exec(lowPc)?.[1] ?? '', 16);
    const declared = parametersOf(origin(body));
    const mentioned = parametersOf(body);
    const name = /([^\s:]+)$/.exec(origin(body).attributes.get('name') ?? '')?.[1] ?? '';
    homes.set(
      `${name} ${address}`,
      declared.map((parameter) => {
        const copy = mentioned.find((candidate) => origin(candidate) === parameter);
        if (copy === undefined) return 'absent';
        return homeIn(copy, address, lists, (offset) => {
          const referred = byOffset.get(offset);
          return referred === undefined ? -1 : declared.indexOf(origin(referred));
        });
      }),
    );
  }
  return homes;
}

function homeIn(
  parameter: DumpedEntry,
  address: number,
  lists: ReadonlyMap<number, readonly ListEntry[]>,
  numberOf: (offset: string) => number,
): string {
  const constant = parameter.attributes.get('const_value');
  if (constant !== undefined) {
    const block = /byte block: ([\da-f ]+?)\s*$/.exec(constant)?.[1];
    if (block === undefined) return `const:${Number(/(-?\w+)$/.exec(constant)?.[1])}`;
    const bytes = block.split(' ').map((byte) => byte.padStart(2, '0'));
    return `const:0x${bytes.join('')}`;
  }
  const location = parameter.attributes.get('location');
  if (location === undefined) return 'nowhere';
  const list = /(?:0x)?(\w+) \(location list\)/.exec(location)?.[1];
  if (list === undefined) return inHex(/\((DW_OP.*)\)/.exec(location)?.[1] ?? '', numberOf);
  const holding = lists
    .get(Number.parseInt(list, 16))
    ?.find(({ start, end }) => start <= address && (address < end || end === start));
  return holding === undefined ? 'nowhere' : inHex(holding.expression, numberOf);
}

/** The few operations that gcc uses on entry. */
function inHex(expression: string, numberOf: (offset: string) => number): string {
  const hex = (number: number): string => number.toString(16).padStart(2, '0');
  const text = expression.split('; ').map((operation) => {
    const [, name = '', operand = ''] =
      /^DW_OP_(\w+)(?: \(\w+\))?(?:: (\S+))?/.exec(operation) ?? [];
    const register = /^reg(\d+)$/.exec(name)?.[1];
    if (register !== undefined) return hex(0x50 + Number(register));
    const literal = /^lit(\d+)$/.exec(name)?.[1];
    if (literal !== undefined) return hex(0x30 + Number(literal));
    const base = /^breg(\d+)$/.exec(name)?.[1];
    if (base !== undefined) return `${hex(0x70 + Number(base))}${slebHex(Number(operand))}`;
    switch (name) {
      case 'deref_size':
        return `94${hex(Number(operand))}`;
      case 'plus':
        return '22';
      case 'piece':
        return `93${hex(Number(operand))}`;
      case 'fbreg':
        // As signed LEB128 of up to two bytes, from the canonical frame address.
        return `91${slebHex(Number(operand))}{9c}`;
      case 'stack_value':
        return '9f';
      case 'GNU_parameter_ref':
        return `fa{parameter ${numberOf(operand.replace(/[<>]|0x/g, ''))}}`;
      default:
        return 'incomparable';
    }
  });
  return text.includes('incomparable') ? 'incomparable' : text.join('');
}

function slebHex(value: number): string {
  const bytes =
    value >= -64 && value < 64 ? [value & 0x7f] : [(value & 0x7f) | 0x80, (value >> 7) & 0x7f];
  return Buffer.from(bytes).toString('hex');
}

function dumpedEntries(path: string): readonly DumpedEntry[] {
  const entries: { readonly attributes: Map<string, string>; readonly entry: DumpedEntry }[] = [];
  for (const line of readelf(path, '--debug-dump=info')) {
    const start = /^ <(\w+)><(\w+)>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)/.exec(line);
    if (start !== null) {
      const [, depth = '', offset = '', tag = ''] = start;
      const attributes = new Map<string, string>();
      entries.push({
        attributes,
        entry: { offset, depth: Number.parseInt(depth, 16), tag, attributes },
      });
      continue;
    }
    const [, name = '', value = ''] = /^ {4}<\w+> +DW_AT_(\w+) *: (.*)$/.exec(line) ?? [];
    if (name !== '') entries.at(-1)?.attributes.set(name, value.trim());
  }
  return entries.map(({ entry }) => entry);
}

/** By the offset of each entry in its section those from it to the end of its list. */
function dumpedLists(path: string): ReadonlyMap<number, readonly ListEntry[]> {
  const lists = new Map<number, ListEntry[]>();
  let open: ListEntry[][] = [];
  for (const line of readelf(path, '--debug-dump=loc')) {
    const offset = /^ {4}([\da-f]{8}) /.exec(line)?.[1];
    if (line.includes('<End of list>')) {
      open = [];
    } else if (offset !== undefined && !line.includes('location view pair')) {
      const list: ListEntry[] = [];
      open.push(list);
      lists.set(Number.parseInt(offset, 16), list);
    }
    const [, start, end, expression] =
      /([\da-f]{16}) ([\da-f]{16}) \((DW_OP.*?)\)(?: \(start == end\))?$/.exec(line) ?? [];
    if (start === undefined || end === undefined || expression === undefined) continue;
    const entry = { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16), expression };
    for (const each of open) each.push(entry);
  }
  return lists;
}
