import type { FilterUuid } from './property-value.ts';

/** What an expression may need besides the message. */
export interface Environment {
  /** The function `newid()`: a new UUID at each call. */
  newId(): FilterUuid;
}
