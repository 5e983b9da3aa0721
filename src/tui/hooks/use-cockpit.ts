/** The cockpit's state, for components. */
import { useSyncExternalStore } from 'react';
import type { Cockpit } from '../model/state.js';
import type { Store } from '../store.js';

export function useCockpit(store: Store): Cockpit {
  return useSyncExternalStore(store.subscribe, store.state);
}
