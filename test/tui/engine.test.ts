import { expect, it } from 'vitest';
import { startEngine } from '../../src/tui/engine/engine.js';
import type { EngineEvent } from '../../src/tui/engine/protocol.js';

const OPTIONS = { dryRun: false, unchecked: false, timeoutMs: 1000 };

it('tells that its thread has failed, and refuses all calls from then on', async () => {
  const thread = `import { parentPort } from 'node:worker_threads';
    parentPort.on('message', () => { throw new Error('broken'); });`;
  const script = new URL(`data:text/javascript,${encodeURIComponent(thread)}`);
  await using engine = startEngine(1, OPTIONS, script);
  const told: EngineEvent[] = [];
  engine.onEvent((event) => {
    told.push(event);
  });
  await expect(engine.call('list')).rejects.toThrow(/broken/);
  await expect(engine.call('list')).rejects.toThrow(/broken/);
  expect(told).toEqual([{ kind: 'failed', detail: 'Error: broken' }]);
});
