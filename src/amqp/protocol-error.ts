import { RetrainError } from '../errors.ts';
import { CONDITION } from './conditions.ts';

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
