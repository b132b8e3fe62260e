import { RetrainError } from '../errors.ts';

/** Why the broker refuses a command, in the broker's own words; the server translates them into AMQP conditions. */
export type RefusalReason =
  | 'argument-invalid'
  | 'entity-disabled'
  | 'entity-exists'
  | 'entity-not-found'
  | 'message-lock-lost'
  | 'message-not-found'
  | 'message-size-exceeded'
  | 'not-allowed'
  | 'quota-exceeded'
  | 'server-busy'
  | 'session-cannot-be-locked'
  | 'session-lock-lost'
  | 'timeout'
  | 'transaction-rolled-back'
  | 'transaction-timed-out';

/** The broker did not carry out a command and changed nothing. */
export class BrokerRefusal extends RetrainError {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string) {
    super('BROKER_REFUSED', message);
    this.reason = reason;
  }
}

export function sessionRequired(): BrokerRefusal {
  return new BrokerRefusal(
    'not-allowed',
    'It is not possible for an entity that requires sessions to create a non-sessionful message receiver.',
  );
}

export function noSessions(): BrokerRefusal {
  return new BrokerRefusal(
    'not-allowed',
    'A sessionful message receiver cannot be created on an entity that does not require sessions.',
  );
}

export function forwards(name: string): BrokerRefusal {
  return new BrokerRefusal(
    'not-allowed',
    `Can not create a message receiver on entity '${name}', because auto-forwarding is enabled on it. Receive from the queue that it forwards to.`,
  );
}

export function entityExists(name: string): BrokerRefusal {
  return new BrokerRefusal('entity-exists', `The messaging entity '${name}' already exists.`);
}

export function entityNotFound(name: string): BrokerRefusal {
  return new BrokerRefusal('entity-not-found', `The messaging entity '${name}' could not be found.`);
}

export function isTopic(name: string): BrokerRefusal {
  return new BrokerRefusal(
    'not-allowed',
    `Messages cannot be received from topic '${name}'. Receive from one of its subscriptions, '${name}/Subscriptions/<name>'.`,
  );
}

export function enlisted(): BrokerRefusal {
  return new BrokerRefusal(
    'not-allowed',
    'The message is settled by a transaction already. Commit the transaction or roll it back.',
  );
}

export function tooManyReceivers(limit: number): BrokerRefusal {
  return new BrokerRefusal('server-busy', `The entity has ${limit} receivers, which is the limit. Close some.`);
}
