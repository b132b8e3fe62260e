/** .NET ticks (100 ns since 0001-01-01T00:00:00Z) at 1970-01-01T00:00:00Z. */
const TICKS_AT_EPOCH = 621_355_968_000_000_000n;
const TICKS_PER_MS = 10_000n;

/** A time in milliseconds since 1970 as .NET ticks, as `com.microsoft:locked-until-utc` wants it. */
export function ticksOf(epochMs: number): bigint {
  return TICKS_AT_EPOCH + BigInt(Math.round(epochMs)) * TICKS_PER_MS;
}
