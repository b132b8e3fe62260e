import { BrokerRefusal } from '../broker/index.ts';
import type { RefusalReason } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

/** A refusal as AMQP and as `$management` say it (service-bus-protocol.md §10.1). */
export interface Failure {
  readonly condition: string;
  readonly statusCode: number;
  readonly description: string;
}

/** Conditions of AMQP 1.0 (part 2.8.15 to 2.8.18) and of Service Bus, with the status that `$management` gives beside them. */
const STATUS_OF = {
  'amqp:not-found': 404,
  'amqp:not-implemented': 501,
  'amqp:not-allowed': 400,
  'amqp:internal-error': 500,
  'amqp:decode-error': 400,
  'amqp:unauthorized-access': 401,
  'amqp:resource-limit-exceeded': 403,
  'amqp:link:detach-forced': 503,
  'amqp:link:message-size-exceeded': 403,
  'amqp:connection:forced': 503,
  'amqp:transaction:rollback': 500,
  'amqp:transaction:timeout': 408,
  'amqp:transaction:unknown-id': 404,
  'com.microsoft:argument-error': 400,
  'com.microsoft:entity-already-exists': 409,
  'com.microsoft:entity-disabled': 400,
  'com.microsoft:message-lock-lost': 410,
  'com.microsoft:message-not-found': 404,
  'com.microsoft:server-busy': 503,
  'com.microsoft:session-cannot-be-locked': 410,
  'com.microsoft:session-lock-lost': 410,
  'com.microsoft:timeout': 408,
} as const;

export type Condition = keyof typeof STATUS_OF;

const CONDITION_OF_REASON: Record<RefusalReason, Condition> = {
  'entity-not-found': 'amqp:not-found',
  'entity-exists': 'com.microsoft:entity-already-exists',
  'entity-disabled': 'com.microsoft:entity-disabled',
  'not-allowed': 'amqp:not-allowed',
  'argument-invalid': 'com.microsoft:argument-error',
  'message-size-exceeded': 'amqp:link:message-size-exceeded',
  'quota-exceeded': 'amqp:resource-limit-exceeded',
  'server-busy': 'com.microsoft:server-busy',
  'message-lock-lost': 'com.microsoft:message-lock-lost',
  'message-not-found': 'com.microsoft:message-not-found',
  'session-lock-lost': 'com.microsoft:session-lock-lost',
  'session-cannot-be-locked': 'com.microsoft:session-cannot-be-locked',
  timeout: 'com.microsoft:timeout',
  'transaction-rolled-back': 'amqp:transaction:rollback',
  'transaction-timed-out': 'amqp:transaction:timeout',
};

/** Codes that this room and the log raise on a client's account. */
const CONDITION_OF_CODE: Partial<Record<ErrorCode, Condition>> = {
  ARGUMENT_INVALID: 'com.microsoft:argument-error',
  DISK_FULL: 'amqp:resource-limit-exceeded',
  ENTITY_NOT_FOUND: 'amqp:not-found',
  FILTER_INVALID: 'com.microsoft:argument-error',
  LOCK_LOST: 'com.microsoft:session-lock-lost',
  MESSAGE_TOO_LARGE: 'amqp:link:message-size-exceeded',
  PROTOCOL_VIOLATION: 'amqp:decode-error',
  UNAUTHORIZED: 'amqp:unauthorized-access',
};

/**
 * What a client is told about `error`, or undefined when the error is not a refusal but a fault of ours. Without tracking
 * text; `Service.describe` adds it.
 */
export function failureOf(error: unknown): Failure | undefined {
  if (error instanceof BrokerRefusal) return failure(CONDITION_OF_REASON[error.reason], error.message);
  if (!(error instanceof RetrainError)) return undefined;
  const condition = CONDITION_OF_CODE[error.code];
  return condition && failure(condition, error.message);
}

/** What a client is told when `check` refuses, or undefined when it does not. */
export function refusalOf(check: () => void): Failure | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    const said = failureOf(error);
    if (!said) throw error;
    return said;
  }
}

export function failure(condition: Condition, description: string): Failure {
  return { condition, statusCode: STATUS_OF[condition], description };
}

/**
 * The text that official clients tell a missing entity by: the JavaScript client needs exactly this form to report
 * MessagingEntityNotFound (service-bus-protocol.md §10.2).
 */
export function entityNotFoundText(host: string, path: string): string {
  const [, topic, subscription] = /^(.+)\/subscriptions\/([^/]+)/i.exec(path) ?? [];
  if (topic !== undefined && subscription !== undefined)
    return `The messaging entity '${host.split('.')[0]}:topic:${topic}|${subscription}' could not be found.`;
  return `The messaging entity 'sb://${host}/${path}' could not be found.`;
}
