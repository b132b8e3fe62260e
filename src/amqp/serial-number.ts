/**
 * RFC 1982 serial-number arithmetic with 32 bits: delivery ids, transfer ids and delivery counts wrap from 4294967295 to 0
 * (AMQP 1.0, 2.8.10). A serial number is a JavaScript number from 0 to 4294967295.
 */
export type SerialNumber = number;

/** `serial + increment` modulo 2^32; `increment` may be negative and up to 2^31 in size. */
export function serialAdd(serial: SerialNumber, increment: number): SerialNumber {
  return (serial + increment) >>> 0;
}

/** How far `to` lies after `from`: from -2147483648 to 2147483647, negative when it lies before. */
export function serialDistance(from: SerialNumber, to: SerialNumber): number {
  return (to - from) | 0;
}

/** Whether `a` comes before `b`. Numbers exactly 2^31 apart have no order (RFC 1982, 3.2); each then counts as before the other. */
export function serialBefore(a: SerialNumber, b: SerialNumber): boolean {
  return ((a - b) | 0) < 0;
}
