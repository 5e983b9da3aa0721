/** Prepares the search while nobody searches yet, so that the first letter takes no longer than others. */
import { useEffect } from 'react';
import type { FunctionRow } from '../model/function-row.js';
import { candidatesOf } from '../model/visible-rows.js';

/** A few milliseconds' worth: keys come in between. */
const SLICE = 2000;

export function useReadySearch(rows: readonly FunctionRow[]): void {
  useEffect(() => {
    let next: NodeJS.Immediate | undefined;
    const prepare = (count: number): void => {
      if (candidatesOf(rows, count).length >= rows.length) return;
      next = setImmediate(() => {
        prepare(count + SLICE);
      });
    };
    prepare(SLICE);
    return () => {
      clearImmediate(next);
    };
  }, [rows]);
}
