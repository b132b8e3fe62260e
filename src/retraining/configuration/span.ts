const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** The longest span that makes sense for a run or a pause. */
const SPAN_MAX_MS = 366 * 86_400_000;

/** How a span is written, for texts that refuse one. */
export const SPAN_RULE = 'use a number and a unit, such as 90s, 15m, 2h or 1d, up to 366d';

/** Milliseconds of a span such as `90s`, `15m`, `2h` or `1d`; undefined when it is none. */
export function spanMs(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h|d)$/.exec(text);
  const ms = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ''] ?? Number.NaN);
  return ms <= SPAN_MAX_MS ? Math.round(ms) : undefined;
}

/** The shortest way to write a span for `spanMs`: `90s`, `15m`. */
export function spanText(ms: number): string {
  const units = Object.entries(UNIT_MS).reverse();
  const [unit = 'ms', size = 1] = units.find(([, unitMs]) => ms >= unitMs && ms % unitMs === 0) ?? [];
  return `${ms / size}${unit}`;
}
