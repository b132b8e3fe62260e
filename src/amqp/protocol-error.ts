import { RetrainError } from '../errors.ts';
import { CONDITION } from './conditions.ts';

/** Bytes that are not a valid AMQP 1.0 encoding: `amqp:decode-error`, or a length that lies about what follows it. */
export class AmqpDecodeError extends RetrainError {
  readonly condition: string = CONDITION.decodeError;

  constructor(message: string) {
    super('PROTOCOL_VIOLATION', message);
  }
}

/** What a violation ends: the standard gives every error condition one of these scopes (2.8.15 to 2.8.18). */
export type ErrorScope = 'connection' | 'session' | 'link';

/** A peer broke a rule; `scope` says what ends with an error of this `condition`. It never leaves the engine. */
export class ProtocolError extends RetrainError {
  readonly scope: ErrorScope;
  readonly condition: string;

  constructor(scope: ErrorScope, condition: string, message: string) {
    super('PROTOCOL_VIOLATION', message);
    this.scope = scope;
    this.condition = condition;
  }
}
