/** One row of the table: what was measured, once for each round. */
export interface Row {
  readonly load: string;
  readonly inFlight: number;
  readonly perSecond: number[];
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
