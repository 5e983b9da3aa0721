/** Follows the size of the terminal. */
import { useStdout } from 'ink';
import { useEffect } from 'react';
import type { Outside } from '../perform.js';

export function useScreenSize({ dispatch }: Pick<Outside, 'dispatch'>): void {
  const { stdout } = useStdout();
  useEffect(() => {
    const measure = (): void => {
      // A terminal that was never told its size says 0.
      dispatch({ type: 'resized', columns: stdout.columns || 80, lines: stdout.rows || 24 });
    };
    measure();
    stdout.on('resize', measure);
    return () => {
      stdout.off('resize', measure);
    };
  }, [stdout, dispatch]);
}
