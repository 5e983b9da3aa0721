/** Follows the size of the terminal. */
import { useStdout } from 'ink';
import { useEffect } from 'react';
import type { Outside } from '../perform.js';

export function useScreenSize({ dispatch }: Pick<Outside, 'dispatch'>): void {
  const { stdout } = useStdout();
  useEffect(() => {
    const measure = (): void => {
      dispatch({ type: 'resized', columns: stdout.columns, lines: stdout.rows });
    };
    measure();
    stdout.on('resize', measure);
    return () => {
      stdout.off('resize', measure);
    };
  }, [stdout, dispatch]);
}
