/** What is edited in fixtures/cxx, and how its output tells the old code from the new. */
import type { Tick } from '../support/ticks.js';
import type { Rule, Scenario } from './language-scenarios.js';

const xOf = (tick: Tick): number => Number(tick['tick']) % 10;

const is =
  (field: string, value: (x: number) => string | number): Rule =>
  (now) =>
    now[field] === String(value(xOf(now)));

const growsBy =
  (field: string, step: number): Rule =>
  (now, before) =>
    Number(now[field]) - Number(before[field]) === step;

const isOdd = (x: number): boolean => x % 2 !== 0;

/** In this order: later ones count on what earlier ones changed. */
export const CXX_SCENARIOS: readonly Scenario[] = [
  {
    claim: 'new code throws what old code catches, through old frames with destructors',
    functions: ['refuses_odd'],
    edits: [{ file: 'exceptions.cpp', from: 'throw Odd(x);', to: 'throw Odd(x + 50);' }],
    old: is('throws', (x) => (isOdd(x) ? `odd${x + 1}` : x)),
    new: is('throws', (x) => (isOdd(x) ? `odd${x + 51}` : x)),
  },
  {
    claim: 'new code catches what it threw',
    functions: ['throws_and_catches'],
    edits: [
      {
        file: 'exceptions.cpp',
        from: 'std::to_string(odd.value + 1)',
        to: 'std::to_string(odd.value + 2)',
      },
    ],
    old: is('throws', (x) => (isOdd(x) ? `odd${x + 51}` : x)),
    new: is('throws', (x) => (isOdd(x) ? `odd${x + 52}` : x)),
  },
  {
    claim: 'exceptions pass through new code and destroy what is in its frame',
    functions: ['in_between'],
    edits: [{ file: 'exceptions.cpp', from: 'refuses_odd(x) + 10', to: 'refuses_odd(x) + 20' }],
    old: is('passes', (x) => (isOdd(x) ? '-1,0' : `${x + 10},0`)),
    new: is('passes', (x) => (isOdd(x) ? '-1,0' : `${x + 20},0`)),
  },
  {
    claim: 'new code throws on what it caught, and something else',
    functions: ['translates'],
    edits: [{ file: 'exceptions.cpp', from: 'throw 100 + x', to: 'throw 200 + x' }],
    old: is('rethrows', (x) => (x === 1 ? 'odd51' : isOdd(x) ? `int${100 + x}` : x)),
    new: is('rethrows', (x) => (x === 1 ? 'odd51' : isOdd(x) ? `int${200 + x}` : x)),
  },
  {
    claim: 'new code handles another type than the old',
    functions: ['rethrows'],
    edits: [
      {
        file: 'exceptions.cpp',
        from: 'catch (int number) {\n        return "int"',
        to: 'catch (long) {\n        return "long";\n    } catch (int number) {\n        return "INT"',
      },
    ],
    old: is('rethrows', (x) => (x === 1 ? 'odd51' : isOdd(x) ? `int${200 + x}` : x)),
    new: is('rethrows', (x) => (x === 1 ? 'odd51' : isOdd(x) ? `INT${200 + x}` : x)),
  },
  {
    claim: 'new code cleans up with catch (...)',
    functions: ['cleans_up'],
    edits: [{ file: 'exceptions.cpp', from: 'text += "caught"', to: 'text += "CAUGHT"' }],
    old: is('cleans', (x) => (isOdd(x) ? 'xcaught0' : `x${x}1000`)),
    new: is('cleans', (x) => (isOdd(x) ? 'xCAUGHT0' : `x${x}1000`)),
  },
  {
    claim: 'another type of a handler is a change, though no instruction differs',
    functions: ['chooses'],
    edits: [{ file: 'exceptions.cpp', from: 'const std::bad_alloc &', to: 'const Odd &' }],
    old: is('chooses', (x) => (isOdd(x) ? 'second' : 'none')),
    new: is('chooses', (x) => (isOdd(x) ? 'first' : 'none')),
  },
  {
    claim: 'a virtual method runs its new body through the existing tables',
    functions: ['Strip::area'],
    edits: [{ file: 'virtual.cpp', from: 'return size * 2;', to: 'return size * 3;' }],
    old: is('virtual', (x) => (isOdd(x) ? 'shape1015' : 'square1014')),
    new: is('virtual', (x) => (isOdd(x) ? 'shape1020' : 'square1014')),
  },
  {
    claim: 'a virtual method defined in its class changes wherever it is called',
    functions: ['Square::name'],
    edits: [{ file: 'virtual.cpp', from: 'return "square"', to: 'return "SQUARE"' }],
    old: is('virtual', (x) => (isOdd(x) ? 'shape1020' : 'square1014')),
    new: is('virtual', (x) => (isOdd(x) ? 'shape1020' : 'SQUARE1014')),
  },
  {
    claim: 'new code asks for run-time types that old code made',
    functions: ['casts'],
    edits: [
      {
        file: 'virtual.cpp',
        from: '!= nullptr ? "tagged" : "plain"',
        to: '!= nullptr ? (dynamic_cast<Strip *>(shape) != nullptr ? "strip" : "?") : "PLAIN"',
      },
    ],
    old: is('casts', (x) => (isOdd(x) ? 'plain' : 'tagged')),
    new: is('casts', (x) => (isOdd(x) ? 'PLAIN' : 'strip')),
  },
  {
    claim: 'all instances of a template change',
    functions: ['doubled'],
    edits: [{ file: 'templates.cpp', from: 'value + value;', to: 'value + value + value;' }],
    old: is('template', (x) => `${x * 2}abab${x}`),
    new: is('template', (x) => `${x * 3}ababab${x}`),
    mixed: (now) =>
      [`${xOf(now) * 2}ababab${xOf(now)}`, `${xOf(now) * 3}abab${xOf(now)}`].includes(
        now['template'] ?? '',
      ),
  },
  {
    claim: 'a method of a template changes',
    functions: ['Stack<int>::top'],
    edits: [
      { file: 'templates.cpp', from: 'return items.back();', to: 'return items.back() + 100;' },
    ],
    old: is('template', (x) => `${x * 3}ababab${x}`),
    new: is('template', (x) => `${x * 3}ababab${x + 100}`),
  },
  {
    claim: 'an object that was constructed before main keeps its state',
    functions: ['static_objects'],
    edits: [
      {
        file: 'statics.cpp',
        from: 'history.push_back(x);',
        to: 'history.push_back(x);\n    history.push_back(-x);',
      },
    ],
    old: growsBy('static', 1),
    new: growsBy('static', 2),
  },
  {
    claim: 'a static local that was made is not made again, though another comes before it',
    functions: ['guarded'],
    edits: [
      {
        file: 'statics.cpp',
        from: 'static Costly costly;\n',
        to: 'static Costly before;\n    static Costly costly;\n',
      },
      {
        file: 'statics.cpp',
        from: 'costly.value += 1;',
        to: 'costly.value += 2 + before.value * 0;',
      },
    ],
    old: growsBy('guarded', 1),
    new: growsBy('guarded', 2),
  },
  {
    claim: 'thread-local objects keep their values',
    functions: ['per_thread'],
    edits: [{ file: 'statics.cpp', from: 'tally.value += 1', to: 'tally.value += 5' }],
    old: growsBy('thread', 1),
    new: growsBy('thread', 5),
  },
  {
    claim: 'a lambda changes with the function that it is in',
    functions: ['lambda_now'],
    edits: [{ file: 'lambdas.cpp', from: 'return a < b;', to: 'return a > b;' }],
    old: is('lambda', (x) => [1, 2, 3, x].sort().join('')),
    new: is('lambda', (x) => [1, 2, 3, x].sort().reverse().join('')),
    // Some were compared by the old one.
    mixed: (now) =>
      Array.from(now['lambda'] ?? '', Number)
        .sort()
        .join('') === [1, 2, 3, xOf(now)].sort().join(''),
  },
  {
    claim: 'a lambda that was kept runs its new body',
    functions: ['make'],
    edits: [{ file: 'lambdas.cpp', from: 'return x * 2 + step;', to: 'return x * 3 + step;' }],
    old: is('kept', (x) => x * 2 + 5),
    new: is('kept', (x) => x * 3 + 5),
  },
];
