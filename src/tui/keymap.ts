/** Which key means what. The list of keys at the bottom and the help are made from it. */
import type { Command } from './model/commands.js';
import type { Cockpit, Overlay } from './model/state.js';

/** As Ink reports a key. */
export interface PressedKey {
  readonly upArrow: boolean;
  readonly downArrow: boolean;
  readonly leftArrow: boolean;
  readonly rightArrow: boolean;
  readonly pageUp: boolean;
  readonly pageDown: boolean;
  readonly home: boolean;
  readonly end: boolean;
  readonly return: boolean;
  readonly escape: boolean;
  readonly tab: boolean;
  readonly shift: boolean;
  readonly ctrl: boolean;
  readonly backspace: boolean;
  readonly delete: boolean;
}

export interface Binding {
  readonly command: Command;
  /** The first is the one that is shown. */
  readonly keys: readonly string[];
  readonly help: string;
  /** A word for the line at the bottom; absent where the help is enough. */
  readonly word?: string;
}

export const BINDINGS: readonly Binding[] = [
  { command: 'search', keys: ['/'], help: 'search functions by name', word: 'search' },
  { command: 'reload-selected', keys: ['r'], help: 'reload this function', word: 'reload' },
  { command: 'reload-all', keys: ['R'], help: 'reload all that was edited', word: 'all' },
  { command: 'roll-back', keys: ['u'], help: 'roll back one generation', word: 'undo' },
  { command: 'toggle-watch', keys: ['w'], help: 'watch: saved files go live', word: 'watch' },
  {
    command: 'toggle-guard',
    keys: ['W'],
    help: 'guard against crashes',
    word: 'guard',
  },
  { command: 'edit', keys: ['e'], help: 'edit the source in $EDITOR', word: 'edit' },
  {
    command: 'next-filter',
    keys: ['f'],
    help: 'next filter of the list',
    word: 'filter',
  },
  {
    command: 'next-tab',
    keys: ['tab', ']', 'l', 'right'],
    help: 'next tab of the detail',
    word: 'next tab',
  },
  {
    command: 'previous-tab',
    keys: ['shift+tab', '[', 'h', 'left'],
    help: 'previous tab',
  },
  { command: 'show-functions', keys: ['1'], help: 'list of functions' },
  {
    command: 'show-generations',
    keys: ['2', 'H'],
    help: 'list of generations',
    word: 'generations',
  },
  { command: 'show-events', keys: ['3'], help: 'all events' },
  { command: 'show-output', keys: ['4'], help: 'what the program prints', word: 'output' },
  { command: 'up', keys: ['k', 'up'], help: 'up' },
  { command: 'down', keys: ['j', 'down'], help: 'down' },
  { command: 'page-up', keys: ['ctrl+b', 'pageup'], help: 'page up' },
  { command: 'page-down', keys: ['ctrl+f', 'pagedown'], help: 'page down' },
  { command: 'first', keys: ['g', 'home'], help: 'first' },
  { command: 'last', keys: ['G', 'end'], help: 'last' },
  { command: 'detail-up', keys: ['K', 'ctrl+u'], help: 'scroll the detail up' },
  { command: 'detail-down', keys: ['J', 'ctrl+d'], help: 'scroll the detail down' },
  { command: 'compare', keys: ['c'], help: 'compare with the sources' },
  { command: 'copy', keys: ['y'], help: 'copy its address' },
  { command: 'debug', keys: ['D'], help: 'gdb at this function' },
  { command: 'show-problem', keys: ['!'], help: 'show what went wrong' },
  { command: 'redraw', keys: ['ctrl+l'], help: 'draw the screen anew' },
  { command: 'suspend', keys: ['ctrl+z'], help: 'stop hcr; fg goes on' },
  { command: 'help', keys: ['?'], help: 'all keys', word: 'keys' },
  {
    command: 'quit',
    keys: ['q', 'ctrl+c'],
    help: 'quit; the program stays',
    word: 'quit',
  },
];

/** What a narrow screen goes without, the first of them first. */
const DISPENSABLE: readonly Command[] = [
  ...(['next-tab', 'show-output', 'show-generations', 'next-filter', 'toggle-guard'] as const),
  ...(['edit', 'toggle-watch', 'roll-back', 'reload-all'] as const),
];

/** Those with a word, in the order of the list, as many as `fits` takes. */
export function shownBindings(fits: (bindings: readonly Binding[]) => boolean): readonly Binding[] {
  let shown = BINDINGS.filter(({ word }) => word !== undefined);
  for (const command of DISPENSABLE) {
    if (fits(shown)) break;
    shown = shown.filter((each) => each.command !== command);
  }
  return shown;
}

/** With a refusal on the screen. */
const PROBLEM_BINDINGS: readonly Binding[] = [
  { command: 'reload-unchecked', keys: ['U'], help: 'try again unchecked', word: 'unchecked' },
  { command: 'reload-when-idle', keys: ['I'], help: 'wait until it is idle', word: 'when idle' },
  { command: 'edit', keys: ['e'], help: 'edit the source', word: 'edit' },
  { command: 'clear', keys: ['esc'], help: 'close', word: 'close' },
];

/** At a crash. */
export const CRASH_BINDINGS: readonly Binding[] = [
  { command: 'crash-return', keys: ['v'], help: 'return a value to its caller', word: 'return' },
  { command: 'crash-previous', keys: ['p'], help: 'call the previous version', word: 'previous' },
  { command: 'crash-retry', keys: ['t'], help: 'call again after an edit', word: 'retry' },
  { command: 'crash-debugger', keys: ['d'], help: 'hand it to gdb', word: 'debugger' },
  { command: 'crash-crash', keys: ['c'], help: 'let it crash', word: 'crash' },
  { command: 'edit', keys: ['e'], help: 'edit the source', word: 'edit' },
  { command: 'clear', keys: ['esc'], help: 'look around; ! comes back', word: 'look around' },
];

const ALWAYS: readonly Binding[] = [
  { command: 'clear', keys: ['esc'], help: 'one step back' },
  { command: 'accept', keys: ['enter'], help: 'detail in full; roll to it' },
];

const TYPING: readonly Binding[] = [
  { command: 'up', keys: ['up', 'ctrl+p'], help: 'up' },
  { command: 'down', keys: ['down', 'ctrl+n'], help: 'down' },
  { command: 'erase', keys: ['backspace'], help: 'erase' },
  { command: 'accept', keys: ['enter'], help: 'keep the search' },
  { command: 'clear', keys: ['esc', 'ctrl+c'], help: 'give the search up' },
];

/** All bindings of the help, in its order. */
export const HELP: readonly Binding[] = [...BINDINGS, ...ALWAYS];

const SPECIAL: readonly (readonly [keyof PressedKey, string])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageup'],
  ['pageDown', 'pagedown'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'esc'],
  ['backspace', 'backspace'],
  // What most terminals send for the backspace key.
  ['delete', 'backspace'],
];

/** Keys as they come within a text that was typed fast. */
const LETTERS: ReadonlyMap<string, string> = new Map([
  ['\r', 'enter'],
  ['\n', 'enter'],
  ['\t', 'tab'],
  ['\u001b', 'esc'],
  ['\u007f', 'backspace'],
]);

/** How bindings call a key. */
export function keyName(input: string, key: PressedKey): string {
  if (key.tab) return key.shift ? 'shift+tab' : 'tab';
  const special = SPECIAL.find(([name]) => key[name]);
  if (special !== undefined) return special[1];
  return LETTERS.get(input) ?? (key.ctrl ? `ctrl+${input}` : input);
}

/** Those that only what lies over the lists gives a meaning; they come before all others. */
export function bindingsOver(overlay: Overlay | undefined): readonly Binding[] {
  switch (overlay?.kind) {
    case 'problem':
      return PROBLEM_BINDINGS;
    case 'crash':
      return CRASH_BINDINGS;
    default:
      return [];
  }
}

/** What a key means now; undefined for one that means nothing, or is text of a search. */
export function commandFor(
  {
    isTyping,
    overlay,
    reloadsOnInterrupt,
  }: Pick<Cockpit, 'isTyping' | 'overlay' | 'reloadsOnInterrupt'>,
  name: string,
): Command | undefined {
  if (name === 'ctrl+c' && reloadsOnInterrupt) return 'reload-all';
  if (overlay?.kind === 'confirm-quit')
    return name === 'y' || name === 'Y' || name === 'enter' ? 'accept' : 'clear';
  const isText = overlay?.kind === 'crash' ? overlay.value !== undefined : isTyping;
  const bindings = isText ? TYPING : [...bindingsOver(overlay), ...BINDINGS, ...ALWAYS];
  return bindings.find(({ keys }) => keys.includes(name))?.command;
}
