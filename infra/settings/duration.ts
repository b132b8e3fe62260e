/** What Service Bus writes for "never": the longest .NET TimeSpan. */
export const FOREVER = 'P10675199DT2H48M5.4775807S';

/** Days, hours, minutes and seconds, the parts that Service Bus takes; years and months have no fixed length. */
const SHAPE = /^P(?=.)(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** Seconds of an ISO 8601 duration; undefined when it is none. */
export function durationSeconds(text: string): number | undefined {
  const match = SHAPE.exec(text);
  if (!match) return undefined;
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
  ];
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}
