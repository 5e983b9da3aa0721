/** What a target and a long-living hcr take of the machine, sampled while one patches the other. */
import { readFileSync, readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ProcessImage } from '../../../src/app/observe.js';
import { plainBytes } from '../../../src/patch/ledger-codec.js';
import { usedBytes } from '../../../src/patch/ledger.js';

export interface Footprint {
  readonly patches: number;
  readonly target: {
    readonly residentBytes: number;
    readonly virtualBytes: number;
    readonly mappings: number;
    readonly descriptors: number;
    readonly threads: number;
  };
  readonly ledger: {
    readonly bytes: number;
    readonly generations: number;
    readonly areas: number;
    /** Of the areas, by code and data that generations hold. */
    readonly usedBytes: number;
  };
  readonly hcr: {
    readonly heapBytes: number;
    readonly residentBytes: number;
    readonly descriptors: number;
  };
}

/** @param patches made until now */
export function takeFootprint(pid: number, patches: number): Footprint {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? NaN);
  using image = ProcessImage.of(pid);
  const { ledger } = image.store;
  collectGarbage();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return {
    patches,
    target: {
      residentBytes: field('VmRSS') * 1024,
      virtualBytes: field('VmSize') * 1024,
      mappings: readFileSync(`/proc/${pid}/maps`, 'utf8').trimEnd().split('\n').length,
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      threads: field('Threads'),
    },
    ledger: {
      bytes: plainBytes(ledger),
      generations: ledger.generations.length,
      areas: ledger.areas.length,
      usedBytes: usedBytes(ledger),
    },
    hcr: {
      heapBytes: heapUsed + arrayBuffers,
      residentBytes: rss,
      descriptors: readdirSync('/proc/self/fd').length,
    },
  };
}

let collector: (() => void) | undefined;

/** What is left after it is held by something. */
function collectGarbage(): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc');
    collector = runInNewContext('gc') as () => void;
  }
  collector();
}

const inKilobytes = (bytes: number): string => `${Math.round(bytes / 1024)}`;

const COLUMNS: readonly [string, (at: Footprint) => string | number][] = [
  ['patches', ({ patches }) => patches],
  ['target RSS KiB', ({ target }) => inKilobytes(target.residentBytes)],
  ['VmSize KiB', ({ target }) => inKilobytes(target.virtualBytes)],
  ['mappings', ({ target }) => target.mappings],
  ['descriptors', ({ target }) => target.descriptors],
  ['areas', ({ ledger }) => ledger.areas],
  ['used KiB', ({ ledger }) => inKilobytes(ledger.usedBytes)],
  ['ledger KiB', ({ ledger }) => inKilobytes(ledger.bytes)],
  ['generations', ({ ledger }) => ledger.generations],
  ['hcr heap KiB', ({ hcr }) => inKilobytes(hcr.heapBytes)],
  ['hcr RSS KiB', ({ hcr }) => inKilobytes(hcr.residentBytes)],
  ['hcr descriptors', ({ hcr }) => hcr.descriptors],
];

export const TABLE_HEAD = [
  `| ${COLUMNS.map(([name]) => name).join(' | ')} |`,
  `|${COLUMNS.map(() => '--:|').join('')}`,
].join('\n');

export function tableRow(at: Footprint): string {
  return `| ${COLUMNS.map(([, show]) => show(at)).join(' | ')} |`;
}
