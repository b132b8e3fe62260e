import { RetrainError } from '../errors.ts';
import type { AmqpError } from './composites.ts';
import { CONDITION } from './conditions.ts';
import { LIMITS } from './limits.ts';

/** A peer broke a rule that costs it the connection, which is closed with an error of this `condition`. */
export class ProtocolError extends RetrainError {
  readonly condition: string;

  constructor(condition: string, message: string) {
    super('PROTOCOL_VIOLATION', message);
    this.condition = condition;
  }
}

/** Bytes that are not a valid AMQP 1.0 encoding: `amqp:decode-error`, or a length that lies about what follows it. */
export class AmqpDecodeError extends ProtocolError {
  constructor(message: string) {
    super(CONDITION.decodeError, message);
  }
}

/** An error of our own making, for the peer; its description is cut so that it fits the smallest frame. */
export function ownError(condition: string, description: string): AmqpError {
  return { condition, description: description.slice(0, LIMITS.errorDescriptionChars) };
}

/** The error with what the connection's owner makes of its text (`ConnectionOptions.describe`). */
export function described(error: AmqpError, describe: ((description: string) => string) | undefined): AmqpError {
  return describe ? { ...error, description: describe(error.description ?? '') } : error;
}
