/** Looks at the process again and again, from outside: it is not stopped and not slowed. */
import { useEffect } from 'react';
import { isHcrError } from '../../core/failure.js';
import { programEnded } from '../model/actions.js';
import type { Outside } from '../perform.js';

const INTERVAL_MS = 500;

/** @param withOutput what the program prints is looked at as well */
export function useObserving(
  { engine, dispatch }: Outside,
  isOver: boolean,
  withOutput: boolean,
): void {
  useEffect(() => {
    if (isOver) return undefined;
    let timer: NodeJS.Timeout | undefined;
    let isLeft = false;
    const look = async (): Promise<void> => {
      try {
        const seen = await engine.call('observe', withOutput);
        if (!isLeft) dispatch({ type: 'observed', ...seen, at: Date.now() });
      } catch (error) {
        // Whatever else goes wrong is told by what the user does next.
        if (isHcrError(error, 'no-such-process')) dispatch(programEnded(Date.now()));
      }
      if (!isLeft) timer = setTimeout(() => void look(), INTERVAL_MS);
    };
    void look();
    return () => {
      isLeft = true;
      clearTimeout(timer);
    };
  }, [engine, dispatch, isOver, withOutput]);
}
