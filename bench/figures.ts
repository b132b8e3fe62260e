import type { BacklogFigures } from './backlog.ts';
import type { FilterRow } from './filters.ts';
import type { RetrainingFigures } from './retraining.ts';

/** One row of the table: what was measured, once for each round. */
export interface Row {
  readonly load: string;
  readonly inFlight: number;
  readonly perSecond: number[];
}

/** The value below which so great a share of all lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** The table as text: medians per second with minimum and maximum, and each as a share of the floor at the same number in flight. */
export function formatTable(rows: readonly Row[], floor: string): string {
  const floors = new Map(rows.filter((row) => row.load === floor).map((row) => [row.inFlight, median(row.perSecond)]));
  const lines = rows.map((row) => {
    const middle = median(row.perSecond);
    const share = middle / (floors.get(row.inFlight) ?? Number.NaN);
    return [
      row.load.padEnd(38),
      String(row.inFlight).padStart(9),
      Math.round(middle).toLocaleString('en').padStart(10),
      `${Math.round(Math.min(...row.perSecond)).toLocaleString('en')} to ${Math.round(Math.max(...row.perSecond)).toLocaleString('en')}`.padStart(
        22,
      ),
      Number.isNaN(share) ? '' : `${Math.round(share * 100)} %`.padStart(9),
    ].join(' ');
  });
  const head = [
    'load'.padEnd(38),
    'in flight'.padStart(9),
    'per second'.padStart(10),
    'min to max'.padStart(22),
    'of floor'.padStart(9),
  ];
  return [head.join(' '), ...lines].join('\n');
}

export interface StartRow {
  readonly what: string;
  /** From the start of the process to the first link attached. */
  readonly seconds: number;
  readonly idleRssBytes: number;
}

/** A line for each kind of start: medians. */
export function formatStarts(starts: readonly StartRow[]): string {
  const lines = [...new Set(starts.map(({ what }) => what))].map((what) => {
    const same = starts.filter((start) => start.what === what);
    const ms = median(same.map(({ seconds }) => seconds * 1000));
    return `start ${what.padEnd(32)} ${Math.round(ms)} ms to the first link, ${megabytes(same.map(({ idleRssBytes }) => idleRssBytes))} idle`;
  });
  return lines.join('\n');
}

/** Medians over the rounds. */
export function formatBacklog(backlogs: readonly BacklogFigures[]): string {
  const of = (pick: (figures: BacklogFigures) => number): number => median(backlogs.map(pick));
  const all = (pick: (figures: BacklogFigures) => number): number[] => backlogs.map(pick);
  const perSecond = (pick: (figures: BacklogFigures) => number): string => Math.round(of(pick)).toLocaleString('en');
  const seconds = (pick: (figures: BacklogFigures) => number): string => `${of(pick).toFixed(2)} s`;
  return [
    `backlog of ${of(({ messages }) => messages).toLocaleString('en')} messages`,
    `  filled in ${seconds((f) => f.fillSeconds)}; first tenth ${perSecond((f) => f.fillPerSecondFirst)}/s, last ${perSecond((f) => f.fillPerSecondLast)}/s`,
    `  memory ${megabytes(all((f) => f.rssBeforeBytes))} before, ${megabytes(all((f) => f.rssAfterBytes))} after: ${Math.round(of((f) => f.rssBytesPerMessage))} bytes a message`,
    `  recovered in ${seconds((f) => f.recoverySeconds)} from the start of the process to the first delivery, ${megabytes(all((f) => f.rssRecoveredBytes))} then`,
    `  the log alone in ${seconds((f) => f.logRecoverySeconds)}, ${seconds((f) => f.logRecoveryCpuSeconds)} of CPU time`,
    `  drained in ${seconds((f) => f.drainSeconds)}`,
  ].join('\n');
}

function megabytes(bytes: readonly number[]): string {
  return `${Math.round(median(bytes) / 1e6)} MB`;
}

/** A line for each kind and number of filters. */
export function formatFilters(rows: readonly FilterRow[]): string {
  const head = ['filters of a topic, one of which matches'.padEnd(50), 'number', 'µs a message', 'one by one', 'ratio'];
  const lines = rows.map(({ filters, count, micros, naiveMicros }) =>
    [
      filters.padEnd(50),
      count.toLocaleString('en').padStart(6),
      micros.toFixed(1).padStart(12),
      naiveMicros.toFixed(1).padStart(10),
      (naiveMicros / micros).toFixed(1).padStart(5),
    ].join(' '),
  );
  return [head.join(' '), ...lines].join('\n');
}

/** Medians over the rounds. */
export function formatRetraining(what: string, figures: readonly RetrainingFigures[]): string {
  const of = (pick: (one: RetrainingFigures) => number): number => median(figures.map(pick));
  const models = of((one) => one.models).toLocaleString('en');
  return [
    `${what}, 8 slots, a trainer with nothing to do`,
    `  accepted to started: median ${of((one) => one.startMedianMs).toFixed(1)} ms, p99 ${of((one) => one.startP99Ms).toFixed(1)} ms`,
    `  a backlog of ${models}, a model each: ${of((one) => one.modelsSeconds).toFixed(1)} s`,
    `  idle worker: ${(of((one) => one.idleShare) * 100).toFixed(2)} % of a core`,
  ].join('\n');
}
