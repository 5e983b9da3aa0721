/** `hcr status`: what the ledger in the target says. The target is not stopped. */
import { type Addr, hex, rangeAt } from '../core/address.js';
import {
  type Body,
  type GenerationRecord,
  type Ledger,
  bodiesAt,
  lineage,
  usedBytes,
} from '../patch/ledger.js';
import { locateThreads } from '../ptrace/thread-positions.js';
import { readProcessStatus, readThreadStatus } from '../ptrace/procfs.js';
import { TargetLock } from '../ptrace/target-lock.js';
import { type Hook, type ProgramHooks, findHooks } from './hooks.js';
import { ProcessImage } from './observe.js';
import { interruptedState } from './recover.js';
import type { BusyThread, GenerationStatus, PatchedFunction, StatusReport } from './report.js';

/** @throws HcrError `no-such-process`, `attach-denied`, `ledger-corrupt` */
export function readStatus(pid: number): Promise<StatusReport> {
  using image = ProcessImage.of(pid);
  const { ledger } = image.store;
  const live = bodiesAt(ledger, ledger.current);
  const hooks = findHooks(image);
  const current = new Set(lineage(ledger, ledger.current).map(({ number }) => number));
  return Promise.resolve({
    pid,
    program: image.program,
    threads: readProcessStatus(image.target.pid).threads,
    generation: ledger.current,
    generations: ledger.generations.map(
      (generation): GenerationStatus => ({
        generation: generation.number,
        parent: generation.parent,
        publishedAt: generation.publishedAt,
        functions: generation.bodies.filter(({ reason }) => reason !== 'new').map(describeBody),
        bytes: generation.blocks.reduce((sum, block) => sum + block.sizeBytes, 0),
        state: stateOf(generation, current, live),
      }),
    ),
    functions: [...live.values()].filter(({ reason }) => reason !== 'new').map(describeBody),
    busyThreads: busyThreads(image, ledger),
    ...hooksOf(hooks),
    memory: {
      reservedBytes: ledger.areas.reduce((sum, area) => sum + area.sizeBytes, 0),
      usedBytes: usedBytes(ledger),
    },
    notes: [...notesOf(image), ...hooks.notes],
  });
}

function hooksOf({ before, after }: ProgramHooks): Pick<StatusReport, 'hooks'> {
  const names = (hooks: readonly Hook[]): string[] => hooks.map(({ name }) => name);
  if (before.length + after.length === 0) return {};
  return { hooks: { before: names(before), after: names(after) } };
}

function stateOf(
  generation: GenerationRecord,
  lineageNumbers: ReadonlySet<number>,
  live: ReadonlyMap<Addr, Body>,
): GenerationStatus['state'] {
  // A retired one runs again when one that is kept, and was made on top of it, is gone back to.
  if (generation.bodies.some((body) => live.get(body.entry) === body)) return 'live';
  if (generation.retired) return 'retired';
  return lineageNumbers.has(generation.number) ? 'live' : 'kept';
}

function describeBody(body: Body): PatchedFunction {
  return {
    name: body.name,
    ...(body.label === undefined ? {} : { label: body.label }),
    module: body.module,
    entry: hex(body.entry),
    body: hex(body.start),
    ...(body.source === undefined ? {} : { source: body.source }),
    reason: body.reason === 'new' ? 'changed' : body.reason,
  };
}

/** Threads in a body of a patched function, the original one included. */
function busyThreads(image: ProcessImage, ledger: Ledger): BusyThread[] {
  const places = [
    ...ledger.entries.map(({ entry, name, sizeBytes }) => ({
      range: rangeAt(entry, sizeBytes),
      function: name,
      generation: 0,
    })),
    ...ledger.generations.flatMap((generation) =>
      generation.blocks.length === 0
        ? []
        : generation.bodies.map((body) => ({
            range: rangeAt(body.start, body.sizeBytes),
            function: body.label ?? body.name,
            generation: generation.number,
          })),
    ),
  ];
  return locateThreads(
    image.target,
    places.map(({ range }) => range),
  ).flatMap(({ tid, within }) => {
    const place = places.find(({ range }) => range === within);
    return place === undefined
      ? []
      : [
          {
            tid,
            name: readThreadStatus(image.target.pid, tid)?.name ?? '',
            function: place.function,
            generation: place.generation,
          },
        ];
  });
}

function notesOf(image: ProcessImage): string[] {
  const state = interruptedState(image);
  if (state === undefined) return [];
  if (TargetLock.isTaken(image.target.pid)) return ['Another hcr is changing it at this moment.'];
  switch (state) {
    case 'made':
      return [
        'An earlier hcr was killed just after a publication; the next attach or rollback completes its record.',
      ];
    case 'not-made':
      return ['An earlier hcr was killed before a publication; nothing of it is live.'];
    case 'partly-made':
      return [
        'An earlier hcr was killed in the middle of a publication; the next attach or rollback takes it back.',
      ];
  }
}
