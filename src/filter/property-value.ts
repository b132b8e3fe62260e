/** The first and the last millisecond that .NET's DateTime knows, of the years 1 and 9999: times are between them. */
export const EARLIEST_TIME_MS = -62_135_596_800_000;
export const LATEST_TIME_MS = 253_402_300_799_999;

/** An instant: `ms` milliseconds since 1970-01-01T00:00:00Z. */
export class FilterTime {
  readonly ms: number;

  constructor(ms: number) {
    this.ms = ms;
  }
}

/** A UUID, lower-case, with dashes. */
export class FilterUuid {
  readonly text: string;

  constructor(text: string) {
    this.text = text.toLowerCase();
  }
}

/** A length of time in ticks of 100 ns, as .NET's TimeSpan counts; negative when it goes back. */
export class FilterDuration {
  readonly ticks: bigint;

  constructor(ticks: bigint) {
    this.ticks = ticks;
  }
}

/**
 * A property of a message as the language of rules sees it.
 *
 * | AMQP | here |
 * |---|---|
 * | integers of every width | `bigint` |
 * | float, double, decimals | `number` |
 * | string, symbol, char | `string` |
 * | timestamp, and .NET's described `datetime-offset` | `FilterTime` |
 * | .NET's described `timespan` | `FilterDuration` |
 * | uuid | `FilterUuid` |
 * | binary | `Buffer` |
 *
 * Anything else (maps, lists, arrays) is absent.
 */
export type PropertyValue =
  null | boolean | bigint | number | string | FilterTime | FilterUuid | FilterDuration | Buffer;
