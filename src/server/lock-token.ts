/** Bytes of a lock token. */
export const LOCK_TOKEN_BYTES = 16;

/**
 * A lock token as it stands in a delivery tag: the first three groups of the uuid are little-endian there, as .NET lays out
 * a Guid (service-bus-protocol.md §6.4). `$management` and `x-opt-lock-token` carry RFC order. The mapping is its own inverse.
 */
export function swapGuidOrder(token: Buffer): Buffer {
  const swapped = Buffer.allocUnsafe(LOCK_TOKEN_BYTES);
  swapped[0] = token[3] as number;
  swapped[1] = token[2] as number;
  swapped[2] = token[1] as number;
  swapped[3] = token[0] as number;
  swapped[4] = token[5] as number;
  swapped[5] = token[4] as number;
  swapped[6] = token[7] as number;
  swapped[7] = token[6] as number;
  token.copy(swapped, 8, 8, LOCK_TOKEN_BYTES);
  return swapped;
}
