import type { ErrorCode } from '../errors.ts';

/** Tries in a row to reach the broker, before a slot of what is to end by itself ends. */
export const UNREACHED_TRIES_MAX = 5;

/** What does not pass by waiting: then one try is enough. */
const HOPELESS: ReadonlySet<ErrorCode> = new Set([
  'UNAUTHORIZED',
  'ENTITY_NOT_FOUND',
  'CONFIGURATION_INVALID',
  'DATA_LOCKED',
]);

/** Whether a slot that has failed so many times in a row, at last with this code, tries no more. */
export function endsTrying(inARow: number, code: ErrorCode): boolean {
  return inARow >= UNREACHED_TRIES_MAX || HOPELESS.has(code);
}
