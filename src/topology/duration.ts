import { RetrainError } from '../errors.ts';

/** What Service Bus writes for "never": the longest .NET TimeSpan. */
export const FOREVER = 'P10675199DT2H48M5.4775807S';

/** Its whole days: clients write the rest with fewer digits, and the Java client all of it in hours. */
const FOREVER_MS = 10_675_199 * 86_400_000;

/** Days, hours, minutes and seconds; not years and months, which have no fixed length. */
export const DURATION_SHAPE = /^P(?=.)(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/**
 * Milliseconds of an ISO 8601 duration of days, hours, minutes and seconds, the parts Service Bus accepts. Years and months have no fixed
 * length and are refused. `FOREVER` and anything longer is `Infinity`.
 *
 * @throws RetrainError `ARGUMENT_INVALID`
 */
export function parseDuration(text: string, field: string): number {
  const match = DURATION_SHAPE.exec(text);
  if (!match)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `${field}: '${text}' is not an ISO 8601 duration such as PT30S, PT5M or P1D`,
    );
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
  ];
  const ms = Math.round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000);
  return ms >= FOREVER_MS ? Infinity : ms;
}

/** The ISO 8601 form of `ms` milliseconds, as Service Bus writes it; `Infinity` gives `FOREVER`. */
export function formatDuration(ms: number): string {
  if (ms === Infinity) return FOREVER;
  const days = Math.floor(ms / 86_400_000);
  const hours = Math.floor(ms / 3_600_000) % 24;
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = (ms % 60_000) / 1000;
  const time = `${hours ? `${hours}H` : ''}${minutes ? `${minutes}M` : ''}${seconds ? `${seconds}S` : ''}`;
  if (!days && !time) return 'PT0S';
  return `P${days ? `${days}D` : ''}${time ? `T${time}` : ''}`;
}
