import { RetrainError } from '../errors.ts';
import type { MessageProperties } from './composites.ts';

/**
 * Where the sections of a message lie (3.2): offsets into its bytes, start inclusive, end exclusive, descriptor included. An
 * absent section has start and end where it would stand, so that its slice is empty and a new one can be put there. The body
 * goes from the first to the last body section.
 */
export interface MessageSections {
  readonly headerStart: number;
  readonly headerEnd: number;
  readonly deliveryAnnotationsStart: number;
  readonly deliveryAnnotationsEnd: number;
  readonly messageAnnotationsStart: number;
  readonly messageAnnotationsEnd: number;
  readonly propertiesStart: number;
  readonly propertiesEnd: number;
  readonly applicationPropertiesStart: number;
  readonly applicationPropertiesEnd: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly footerStart: number;
  readonly footerEnd: number;
  readonly body: 'data' | 'sequence' | 'value' | 'none';
}

/** Finds the sections without decoding them. Throws `AmqpDecodeError`. */
export function scanSections(_message: Buffer): MessageSections {
  throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
}

/** One field of the properties section, the others skipped, in the plain form of the table; undefined when absent. */
export function readProperty<N extends keyof MessageProperties>(
  _message: Buffer,
  _sections: MessageSections,
  _name: N,
): MessageProperties[N] {
  throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
}
