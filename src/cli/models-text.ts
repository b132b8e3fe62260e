import { onOneLine } from './printable.ts';

/** Metrics that are shown of one model; the others are in `--json`. */
const METRICS_SHOWN_MAX = 4;

/** Metrics in one line: `mape 0.023, mae 12`. */
export function metricsText(metrics: Readonly<Record<string, number>>): string {
  const all = Object.entries(metrics);
  const shown = all
    .slice(0, METRICS_SHOWN_MAX)
    .map(([name, value]) => `${onOneLine(name)} ${Number(value.toPrecision(6))}`);
  return [...shown, ...(all.length > METRICS_SHOWN_MAX ? ['…'] : [])].join(', ');
}
