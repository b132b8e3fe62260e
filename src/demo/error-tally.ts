/** Both errors over the days of one year, in percent. */
export interface YearErrors {
  readonly year: number;
  /** Days that were forecast. */
  readonly days: number;
  readonly mapeFrozen: number;
  readonly mapeLive: number;
}

interface Sums {
  days: number;
  frozen: number;
  live: number;
}

/** Sums the two absolute percentage errors by year and over all days. */
export class ErrorTally {
  readonly #years = new Map<number, Sums>();
  readonly #all: Sums = { days: 0, frozen: 0, live: 0 };

  add(year: number, errors: { frozen: number; live: number }): void {
    let sums = this.#years.get(year);
    if (!sums) this.#years.set(year, (sums = { days: 0, frozen: 0, live: 0 }));
    for (const each of [sums, this.#all]) {
      each.days += 1;
      each.frozen += errors.frozen;
      each.live += errors.live;
    }
  }

  /** In the order in which the years came. */
  years(): YearErrors[] {
    return [...this.#years].map(([year, sums]) => ({ year, ...meansOf(sums) }));
  }

  overall(): Omit<YearErrors, 'year'> {
    return meansOf(this.#all);
  }
}

/** No days have no error, rather than one that JSON cannot tell. */
function meansOf({ days, frozen, live }: Sums): Omit<YearErrors, 'year'> {
  const over = Math.max(1, days);
  return { days, mapeFrozen: frozen / over, mapeLive: live / over };
}

/** Runs of years without a single forecast, each with the year that ends it. */
export function missingYears(years: readonly YearErrors[]): { from: number; to: number; next: number }[] {
  return years.flatMap(({ year }, index) => {
    const previous = years[index - 1]?.year ?? year - 1;
    return year - previous > 1 ? [{ from: previous + 1, to: year - 1, next: year }] : [];
  });
}
