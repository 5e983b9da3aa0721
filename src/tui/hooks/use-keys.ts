/** Keys become commands, or text of the search. */
import { useInput } from 'ink';
import { commandFor, keyName } from '../keymap.js';
import type { Store } from '../store.js';

/** @param page lines of a page */
export function useKeys(store: Store, page: number): void {
  useInput((input, key) => {
    const press = (typed: string): void => {
      const command = commandFor(store.state(), keyName(typed, key));
      if (command !== undefined) store.dispatch({ type: 'commanded', command, page });
      else if (!key.ctrl && !key.meta && typed !== '')
        store.dispatch({ type: 'typed', text: typed });
    };
    // What is typed fast, or pasted, comes as one text.
    const letters = Array.from(input);
    if (letters.length > 1) letters.forEach(press);
    else press(input);
  });
}
