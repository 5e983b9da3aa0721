/**
 * What is edited in fixtures/language, and how its output tells the old code from the new. Every
 * line that the program prints while it is patched must be right by one of the two.
 */
import type { Tick } from '../support/ticks.js';

export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Whether a line is right, given the one before it. */
export type Rule = (now: Tick, before: Tick) => boolean;

export interface Scenario {
  readonly claim: string;
  /** What is passed with --func. */
  readonly functions: readonly string[];
  readonly edits: readonly Edit[];
  readonly old: Rule;
  readonly new: Rule;
  /** What the one line may be that was under way when the code changed, where it takes several calls:
   *  some were made by the old code. */
  readonly mixed?: Rule;
  /** True when it calls functions that the program did not. */
  readonly imports?: boolean;
  /** Lines on the program's error output that the new code prints. */
  readonly complains?: RegExp;
}

const tickOf = (tick: Tick): number => Number(tick['tick']);
const xOf = (tick: Tick): number => tickOf(tick) % 10;

/** The field is a function of x, or of x and the tick's number. */
const is =
  (field: string, value: (x: number, tick: number) => number | string): Rule =>
  (now) =>
    now[field] === String(value(xOf(now), tickOf(now)));

const isOneOf =
  (field: string, values: (x: number) => readonly (number | string)[]): Rule =>
  (now) =>
    values(xOf(now))
      .map(String)
      .includes(now[field] ?? '');

/** The field grows by so much, from the value that the line before showed. */
const growsBy =
  (field: string, step: number): Rule =>
  (now, before) =>
    Number(now[field]) - Number(before[field]) === step;

const fibonacci = (n: number): number => (n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2));
const oldSwitch = (x: number, tick: number): number =>
  [tick, tick * 3, tick - 7, tick ^ 21, tick << 2, tick % 5, Math.trunc(tick / 2), -tick][x] ??
  ~tick;
const numerals = ['zero', 'one', 'two', 'three', 'four', 'five', 'six'];

export const SCENARIOS: readonly Scenario[] = [
  {
    claim: 'globals keep their values, changed initialisers are not applied',
    functions: ['globals'],
    edits: [
      { file: 'globals.c', from: 'total = 1000', to: 'total = 5' },
      { file: 'globals.c', from: 'total += limits[3]', to: 'total += limits[3] * 10' },
    ],
    old: growsBy('globals', 1),
    new: growsBy('globals', 10),
  },
  {
    claim: 'static data of the file keeps its values',
    functions: ['file_statics'],
    edits: [{ file: 'file_statics.c', from: 'runs++', to: 'runs += 100' }],
    old: growsBy('file_statics', 1),
    new: growsBy('file_statics', 100),
  },
  {
    claim: 'several static locals of one name keep their values beside a new one',
    functions: ['same_named_statics'],
    edits: [
      {
        file: 'same_named_statics.c',
        from: 'long sum = 0;\n',
        to: 'long sum = 0;\n    static long calls;\n    calls++;\n',
      },
      { file: 'same_named_statics.c', from: 'n += 1;', to: 'n += 2;' },
      {
        file: 'same_named_statics.c',
        from: '        sum += n;\n    }\n    return sum;',
        to: '        sum += n;\n    }\n    {\n        static long n = 7;\n        n = n + calls - calls;\n        sum += n - 7;\n    }\n    return sum;',
      },
    ],
    old: growsBy('same_named_statics', 1001),
    new: growsBy('same_named_statics', 1002),
  },
  {
    claim: 'string constants are the new ones',
    functions: ['string_constant'],
    edits: [
      { file: 'string_constant.c', from: 'as-it-was', to: 'a-longer-text-than-there-was-before' },
    ],
    old: is('string_constant', () => 'as-it-was'),
    new: is('string_constant', () => 'a-longer-text-than-there-was-before'),
  },
  {
    claim: 'floating-point constants are the new ones',
    functions: ['float_constant'],
    edits: [{ file: 'float_constant.c', from: 'x * 1.5 + 0.25', to: 'x * 2.25 - 0.125' }],
    old: is('float_constant', (x) => (x * 1.5 + 0.25).toFixed(4)),
    new: is('float_constant', (x) => (x * 2.25 - 0.125).toFixed(4)),
  },
  {
    claim: 'a switch jumps through its new table and stores in the old variable',
    functions: ['switch_jumps'],
    edits: [
      { file: 'switch_jumps.c', from: 'state = x * 3;', to: 'state = x * 3 + 1000;' },
      {
        file: 'switch_jumps.c',
        from: '    default: state = ~x; break;',
        to: '    case 8: state = x + 8000; break;\n    case 9: state = x + 9000; break;\n    default: state = ~x; break;',
      },
    ],
    old: is('switch_jumps', oldSwitch),
    new: is('switch_jumps', (x, tick) => {
      if (x === 1) return tick * 3 + 1000;
      return x >= 8 ? tick + x * 1000 : oldSwitch(x, tick);
    }),
  },
  {
    claim: 'a switch that is a table of constants gets a new table',
    functions: ['switch_constants'],
    edits: [
      { file: 'switch_constants.c', from: '"three"', to: '"drei"' },
      { file: 'switch_constants.c', from: 'default:', to: 'case 7: return "seven";\n    default:' },
    ],
    old: is('switch_constants', (x) => numerals[x] ?? 'many'),
    new: is('switch_constants', (x) =>
      x === 3 ? 'drei' : x === 7 ? 'seven' : (numerals[x] ?? 'many'),
    ),
  },
  {
    claim: 'new helpers and new data come along',
    functions: ['calls_helpers'],
    edits: [
      {
        file: 'calls_helpers.c',
        from: 'int calls_helpers(int x)\n{\n    return x * 3 + 1;',
        to: `static int calls = 3;
int bonus = 1000;
static const int table[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29};

static __attribute__((noinline)) int square(int x)
{
    calls++;
    return x * x;
}

int prime(int x)
{
    return table[x];
}

int calls_helpers(int x)
{
    calls--;
    return square(x) + prime(x) + bonus + calls;`,
      },
    ],
    old: is('calls_helpers', (x) => x * 3 + 1),
    new: is('calls_helpers', (x) => {
      const primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29];
      return x * x + (primes[x] ?? 0) + 1003;
    }),
  },
  {
    claim: 'libc functions and data that the program never imported are found',
    functions: ['new_imports'],
    imports: true,
    edits: [
      {
        file: 'new_imports.c',
        from: '#include "language.h"\n',
        to: '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include "language.h"\n',
      },
      {
        file: 'new_imports.c',
        from: "    return text[0] - '0';",
        to: `    static int calls;
    char copy[16];
    size_t length = strlen(text);

    memcpy(copy, text, length + 1);
    if (calls++ == 0)
        fprintf(stderr, "copied %s of %zu bytes\\n", strchr(copy, text[0]), length);
    return (int)strtol(copy + length - 1, NULL, 10) * 100 + (int)length;`,
      },
    ],
    old: is('new_imports', (x) => x),
    new: is('new_imports', (x) => 900 + 10 - x),
    complains: /^copied \d+ of \d+ bytes$/,
  },
  {
    claim: 'functions of a library that is linked are found',
    functions: ['math'],
    imports: true,
    edits: [{ file: 'math.c', from: 'sin(x)', to: 'cos(x) + sqrt(x) + floor(x / 2)' }],
    old: is('math', (x) => Math.sin(x).toFixed(4)),
    new: is('math', (x) => (Math.cos(x) + Math.sqrt(x) + Math.floor(x / 2)).toFixed(4)),
  },
  {
    claim: 'function pointers taken earlier stay valid and equal',
    functions: ['pointed_to', 'calls_pointer'],
    edits: [
      { file: 'pointers.c', from: 'x * 3 + 10', to: 'x * 3 + 20' },
      { file: 'pointers.c', from: 'taken_at_start(x) : -1', to: 'taken_at_start(x) + 1000 : -1' },
    ],
    old: is('calls_pointer', (x) => x * 3 + 10),
    new: is('calls_pointer', (x) => x * 3 + 1020),
    mixed: isOneOf('calls_pointer', (x) => [x * 3 + 20, x * 3 + 1010]),
  },
  {
    claim: 'structs are passed and returned by value',
    functions: ['struct_by_value'],
    edits: [
      {
        file: 'struct_by_value.c',
        from: 's.edges += 1;',
        to: 's.edges += 2;\n    s.width += 0.5;',
      },
    ],
    old: is('struct_by_value', () => '0,4,5'),
    new: is('struct_by_value', () => '0.5,4,6'),
  },
  {
    claim: 'a variadic function reads its arguments',
    functions: ['variadic'],
    edits: [{ file: 'variadic.c', from: 'sum += va_arg', to: 'sum += 2 * va_arg' }],
    old: is('variadic', (x) => 3 + x),
    new: is('variadic', (x) => 6 + 2 * x),
  },
  {
    claim: 'the callers into which a function was inlined change with it',
    functions: ['rule'],
    edits: [{ file: 'inlined.c', from: 'x * 2 + 1', to: 'x * 3 + 2' }],
    old: is('inlines_rule', (x) => `${x * 2 + 101},${(x + 1) * 2 + 201}`),
    new: is('inlines_rule', (x) => `${x * 3 + 102},${(x + 1) * 3 + 202}`),
    mixed: isOneOf('inlines_rule', (x) => [
      `${x * 2 + 101},${(x + 1) * 3 + 202}`,
      `${x * 3 + 102},${(x + 1) * 2 + 201}`,
    ]),
  },
  {
    claim: 'clones that the compiler made change with their function',
    functions: ['advance'],
    edits: [{ file: 'clones.c', from: 'i * step;', to: 'i * step + 1;' }],
    old: is('calls_clones', (x) => 2 * (81 * x + 72)),
    new: is('calls_clones', (x) => 2 * (81 * x + 112)),
    mixed: is('calls_clones', (x) => 2 * 81 * x + 72 + 112),
  },
  {
    claim: 'the cold part changes with its function',
    functions: ['with_cold_path'],
    edits: [
      { file: 'cold_path.c', from: 'x + 5', to: 'x + 6' },
      { file: 'cold_path.c', from: 'complain(x);\n', to: 'complain(x + 1);\n' },
    ],
    old: is('with_cold_path', (x) => x + 5),
    new: is('with_cold_path', (x) => x + 6),
  },
  {
    claim: 'a recursive function goes on in its new body',
    functions: ['recursive'],
    edits: [
      {
        file: 'recursive.c',
        from: 'recursive(depth - 2);',
        to: 'recursive(depth - 2) + 0 * depth;',
      },
      { file: 'recursive.c', from: 'return depth;', to: 'return depth * 2;' },
    ],
    old: is('recursive', fibonacci),
    new: is('recursive', (x) => 2 * fibonacci(x)),
    mixed: (now) => {
      const sum = Number(now['recursive']);
      return sum >= fibonacci(xOf(now)) && sum <= 2 * fibonacci(xOf(now));
    },
  },
  {
    claim: 'a function that registers itself is still the same',
    functions: ['callback'],
    edits: [{ file: 'callback.c', from: 'value = 1', to: 'value = 2' }],
    old: is('callback', () => '1,1'),
    new: is('callback', () => '1,2'),
  },
  {
    claim: 'a hidden function and hidden data, which the linker made local, are found',
    functions: ['hidden'],
    edits: [{ file: 'hidden.c', from: 'hidden_total += 1', to: 'hidden_total += 2' }],
    old: growsBy('hidden', 10),
    new: growsBy('hidden', 20),
  },
  {
    claim: 'a weak function changes',
    functions: ['weak'],
    edits: [{ file: 'hidden.c', from: 'x * 7 + 1', to: 'x * 7 + 2' }],
    old: is('weak', (x) => x * 7 + 1),
    new: is('weak', (x) => x * 7 + 2),
  },
  {
    claim: 'computed gotos lead into the new body',
    functions: ['interpret'],
    edits: [{ file: 'interpreter.c', from: 'x *= 2', to: 'x *= 3' }],
    old: is('interpret', (x) => -(x + 3) * 2 + 6),
    new: is('interpret', (x) => -(x + 3) * 3 + 6),
  },
  {
    claim: 'thread-local variables keep their values',
    functions: ['thread_local_count'],
    edits: [{ file: 'thread_local.c', from: 'count += step', to: 'count += step + 4' }],
    old: growsBy('thread_local_count', 1),
    new: growsBy('thread_local_count', 5),
  },
  {
    claim: 'of two static functions of one name the one that is meant changes',
    functions: ['left.c:side'],
    edits: [{ file: 'left.c', from: 'x * 10 + 1', to: 'x * 10 + 3' }],
    old: is('sides', (x) => `${x * 10 + 1001},${x * 10 + 1002}`),
    new: is('sides', (x) => `${x * 10 + 1003},${x * 10 + 1002}`),
  },
];

/** Functions of one to three bytes: hcr may refuse those beside which there is no room. */
export const TINY_SCENARIOS: readonly Scenario[] = [
  {
    claim: 'a function of three bytes changes',
    functions: ['tiny_zero'],
    edits: [{ file: 'tiny.c', from: 'return 0;', to: 'return 12345;' }],
    old: is('tiny_zero', () => 0),
    new: is('tiny_zero', () => 12345),
  },
  {
    claim: 'a function that returns its argument changes',
    functions: ['tiny_identity'],
    edits: [{ file: 'tiny.c', from: 'return x;', to: 'return x * 2 + 1;' }],
    old: is('tiny_identity', (x) => x),
    new: is('tiny_identity', (x) => x * 2 + 1),
  },
  {
    claim: 'a function of one byte changes',
    functions: ['tiny_nothing'],
    edits: [
      {
        file: 'tiny.c',
        from: '#include "language.h"\n',
        to: '#include <stdio.h>\n#include "language.h"\n',
      },
      {
        file: 'tiny.c',
        from: 'void tiny_nothing(void)\n{\n',
        to: 'void tiny_nothing(void)\n{\n    printf(" tiny_nothing=something");\n',
      },
    ],
    old: (now) => now['tiny_nothing'] === undefined,
    new: is('tiny_nothing', () => 'something'),
  },
];
