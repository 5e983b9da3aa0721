/** A cockpit to start from: a process with some functions and two generations. */
import type { CrashReport } from '../../src/app/crash-report.js';
import type { FunctionListing, StatusReport } from '../../src/app/report.js';
import { reduce } from '../../src/tui/model/reducer.js';
import type { Action } from '../../src/tui/model/actions.js';
import type { FunctionRow } from '../../src/tui/model/function-row.js';
import { type Cockpit, initialCockpit } from '../../src/tui/model/state.js';

export const PID = 4711;

export function row(name: string, changes: Partial<FunctionListing> = {}): FunctionRow {
  const listing: FunctionListing = {
    name,
    module: '/srv/server',
    entry: `0x${(0x401000 + name.length * 16).toString(16)}`,
    sizeBytes: 32,
    source: '/src/server.c:10',
    inlinedIn: [],
    state: 'original',
    generation: 0,
    ...changes,
  };
  return {
    key: `server:${name}`,
    name: listing.label ?? name,
    symbol: name,
    module: 'server',
    file: '/src/server.c',
    line: 10,
    isMine: true,
    listing,
  };
}

export function status(generation: number): StatusReport {
  return {
    pid: PID,
    program: '/srv/server',
    threads: 3,
    generation,
    generations: Array.from({ length: generation }, (_, i) => ({
      generation: i + 1,
      parent: i,
      publishedAt: '2026-01-02T03:04:05.000Z',
      functions: [
        {
          name: 'answer',
          module: '/srv/server',
          entry: '0x401060',
          body: '0x7f0000',
          reason: 'requested',
        },
      ],
      bytes: 4096,
      state: 'live',
    })),
    functions: [],
    busyThreads: [],
    memory: { reservedBytes: 0, usedBytes: 0 },
    notes: [],
  };
}

export const OVERVIEW = {
  pid: PID,
  program: '/srv/server',
  state: 'sleeping',
  threads: 3,
  modules: 4,
  children: [],
} as const;

/** Nothing was rolled back, and the version before cannot be called. */
export const CRASH: CrashReport = {
  pid: PID,
  tid: PID,
  signal: 'SIGSEGV',
  faultAddress: '0x18',
  function: 'answer',
  generation: 2,
  source: '/src/server.c:12',
  frames: [
    {
      address: '0x7f0010',
      function: 'answer',
      source: '/src/server.c:12',
      generation: 2,
      kind: 'innermost',
    },
    { address: '0x401200', function: 'main', source: '/src/main.c:30', kind: 'certain' },
  ] as never,
  moreFrames: 3,
  end: 'complete',
  registers: { rax: '0x0', rsp: '0x7ffc00001000', rip: '0x7f0010' },
  liveGeneration: 1,
  rolledBack: ['answer'],
  impossible: { previous: 'no call leads to it' },
  returns: 'integer',
  notes: [],
};

export const ROWS: readonly FunctionRow[] = [
  row('answer'),
  row('parse_request'),
  row('send_reply', { state: 'patched', generation: 2 }),
  row('tiny', { inlinedIn: ['answer', 'send_reply'] }),
];

export function after(cockpit: Cockpit, ...actions: readonly Action[]): Cockpit {
  return actions.reduce(reduce, cockpit);
}

/** As it looks a moment after the start, with nothing left to do. */
export function readyCockpit(columns = 80, lines = 24): Cockpit {
  return after(
    initialCockpit(PID, columns, lines),
    { type: 'observed', overview: OVERVIEW, status: status(2), output: undefined, at: 0 },
    { type: 'listed', rows: ROWS, notes: [], at: 0 },
    { type: 'taken', through: 1000 },
  );
}
