import { describe, expect, it } from 'vitest';
import { pid as toPid } from '../../src/core/address.js';
import { isHcrError } from '../../src/core/failure.js';
import { libc } from '../../src/ptrace/libc.js';
import { TargetProcess } from '../../src/ptrace/process.js';
import { WAIT } from '../../src/ptrace/requests.js';
import { startProgram } from '../../src/ptrace/start-program.js';
import { StoppedWorld } from '../../src/ptrace/stopped-world.js';
import { buildInline } from '../support/inline-program.js';
import { childrenOf } from '../support/process-tree.js';
import { readThreadStates } from '../support/thread-states.js';
import { until } from '../support/until.js';

/** Nothing stops a process that waits for the child of its vfork, which waits to be killed. */
const VFORK_C = `#include <unistd.h>
int main(void)
{
    if (vfork() == 0)
        for (;;)
            pause();
    for (;;)
        pause();
}
`;

function killChildrenOf(parent: number): void {
  for (const child of childrenOf(parent)) process.kill(child, 'SIGKILL');
}

describe('a thread that does not stop in time', () => {
  it('goes on untraced when it can, while hcr lives on', async () => {
    using program = await buildInline({ 'main.c': VFORK_C });
    // Node waits for its own children, and would take the report of the stop.
    const child = startProgram(program.program, ['main'], process.env);
    try {
      await until('it waits', () => readThreadStates(child).some(({ state }) => state === 'D'));
      using target = TargetProcess.open(toPid(child));
      const world = new StoppedWorld(target);
      const stop = (): void => {
        world.stop(performance.now() + 50);
      };
      expect(stop).toThrow(expect.toSatisfy((error) => isHcrError(error, 'busy')));
      world[Symbol.dispose]();
      expect(readThreadStates(child)).toMatchObject([{ state: 'D' }]);
      killChildrenOf(child);
      await until('it is let go', () =>
        readThreadStates(child).every(({ state, tracerPid }) => state === 'S' && tracerPid === 0),
      );
    } finally {
      killChildrenOf(child);
      process.kill(child, 'SIGKILL');
      libc().waitpid(child, WAIT.ALL);
    }
  });
});
