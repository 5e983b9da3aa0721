/** What was done and what came of it, by cell and by kind of fate. */
import { readFileSync } from 'node:fs';
import { type Cell, describeShape } from './cells.js';
import type { Fate, Plan } from './fate.js';
import type { Means } from './subject.js';
import type { Left, RecordSeen } from './record.js';

export interface Row {
  readonly verb: string;
  readonly language: string;
  readonly shape: string;
  readonly means: Means;
  readonly kind: Plan['kind'];
  /** Times that hcr was run for it. */
  runs: number;
  /** Of those, in which it was killed by SIGKILL. */
  kills: number;
  /** What the kills left behind. */
  readonly left: Record<Left, number>;
  halfPublished: number;
  losses: number;
  /** Ended by a signal that nobody sent: a fork of Node that failed, not an hcr. */
  mishaps: number;
}

export class Tally {
  private readonly rows = new Map<string, Row>();

  private row({ verb, language, shape }: Cell, means: Means, kind: Plan['kind']): Row {
    const key = [verb, language, describeShape(shape), means, kind].join('|');
    const known = this.rows.get(key);
    if (known !== undefined) return known;
    const fresh: Row = {
      verb,
      language,
      shape: describeShape(shape),
      means,
      kind,
      runs: 0,
      kills: 0,
      left: { nothing: 0, 'not-made': 0, 'partly-made': 0, made: 0 },
      halfPublished: 0,
      losses: 0,
      mishaps: 0,
    };
    this.rows.set(key, fresh);
    return fresh;
  }

  add(
    cell: Cell,
    means: Means,
    kind: Plan['kind'],
    fate: Fate,
    seen: RecordSeen | undefined,
  ): void {
    const row = this.row(cell, means, kind);
    row.runs++;
    if (fate.ending.kind === 'killed' && !fate.wasKilled) row.mishaps++;
    if (!fate.wasKilled) return;
    row.kills++;
    row.left[seen?.left ?? 'nothing']++;
    if (seen?.isHalfPublished === true) row.halfPublished++;
  }

  addLoss(cell: Cell, means: Means, kind: Plan['kind']): void {
    const row = this.row(cell, means, kind);
    row.runs++;
    row.losses++;
  }

  private sum(value: (row: Row) => number): number {
    return [...this.rows.values()].reduce((total, row) => total + value(row), 0);
  }

  get kills(): number {
    return this.sum((row) => row.kills);
  }

  get losses(): number {
    return this.sum((row) => row.losses);
  }

  get summary(): string {
    const left = (kind: Left): number => this.sum((row) => row.left[kind]);
    return `${this.sum((row) => row.runs)} runs, ${this.kills} kills (${left('not-made')} left a publication that had not begun, ${left('partly-made')} one in the middle, ${left('made')} one not recorded as done; ${this.sum((row) => row.halfPublished)} sets half published), ${this.losses} losses, ${this.sum((row) => row.mishaps)} forks that failed`;
  }

  toJSON(): Row[] {
    return [...this.rows.values()];
  }
}

/** The figures of several runs, as Markdown. @param files written by {@link Tally.toJSON} */
export function sumOf(files: readonly string[]): string {
  const rows = files.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')) as Row[]);
  const lines = new Map<string, { runs: number; kills: number; half: number; losses: number }>();
  const add = (key: string, row: Row): void => {
    const line = lines.get(key) ?? { runs: 0, kills: 0, half: 0, losses: 0 };
    line.runs += row.runs;
    line.kills += row.kills;
    line.half += row.halfPublished;
    line.losses += row.losses;
    lines.set(key, line);
  };
  for (const row of rows) {
    for (const key of [`verb: ${row.verb}`, `target: ${row.language}, ${row.shape}`]) add(key, row);
    add(`how: ${row.means}, ${row.kind}`, row);
    add('total', row);
  }
  return [
    '| what | runs | kills | sets left half published | targets lost |',
    '|---|---|---|---|---|',
    ...[...lines]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([key, { runs, kills, half, losses }]) =>
          `| ${[key, runs, kills, half, losses].join(' | ')} |`,
      ),
  ].join('\n');
}
