import type { PatchedFunction, PatchReport } from '../../src/app/report.js';

export function patched(name: string, more: Partial<PatchedFunction> = {}): PatchedFunction {
  return {
    name,
    module: '/srv/app',
    entry: '0x555555555149',
    body: '0x7ffff7fb0000',
    source: 'main.c:12',
    reason: 'requested',
    ...more,
  };
}

export function patchReport(more: Partial<PatchReport> = {}): PatchReport {
  return {
    pid: 7,
    generation: 1,
    functions: [patched('f1')],
    notes: [],
    timingsMs: { observe: 30.4, build: 120, link: 2, publish: 1.26, total: 160 },
    pauseMicros: 180,
    dryRun: false,
    ...more,
  };
}
