const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** How long something lasts, for people, in its two largest units: `3h 20m`, `45s`. */
export function ageText(ms: number): string {
  const largest = UNITS.findIndex(([, unitMs]) => ms >= unitMs);
  if (largest < 0) return '0s';
  const [unit, unitMs] = UNITS[largest] ?? UNITS[3];
  const first = Math.floor(ms / unitMs);
  const [nextUnit, nextMs] = UNITS[largest + 1] ?? [undefined, 1];
  const second = nextUnit === undefined ? 0 : Math.floor((ms - first * unitMs) / nextMs);
  return second > 0 ? `${first}${unit} ${second}${nextUnit}` : `${first}${unit}`;
}

/** A wait in seconds, for people: never less than it is, so that one that is left is not `0.0 s`. */
export function secondsText(ms: number): string {
  return `${(Math.ceil(ms / 100) / 10).toFixed(1)} s`;
}
