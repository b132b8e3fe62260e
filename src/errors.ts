/**
 * Every error that `retrain` raises on purpose. The codes are a closed union: tell errors apart by `code`, never by text.
 *
 * | code | meaning |
 * |---|---|
 * | `ARGUMENT_INVALID` | a value given by the caller breaks a stated rule |
 * | `CONNECTION_STRING_INVALID` | a connection string cannot be used |
 * | `CONFIGURATION_INVALID` | a configuration or its combination cannot work |
 * | `REQUEST_INVALID` | a retraining request does not satisfy the schema |
 * | `MESSAGE_TOO_LARGE` | a message is over the limit of the queue or of the envelope |
 * | `ENTITY_NOT_FOUND` | the queue does not exist |
 * | `UNAUTHORIZED` | the credentials do not give the right that is needed |
 * | `UNREACHABLE` | nobody answers at the endpoint |
 * | `ADDRESS_IN_USE` | the port that should be listened on is taken |
 * | `DATA_LOCKED` | another process uses the data folder |
 * | `DATA_CORRUPT` | stored data fails its checksum or its format |
 * | `DATA_VERSION` | stored data has a format version that this release does not know |
 * | `DISK_FAILED` | a write or a sync failed: memory no longer tells what is durable |
 * | `DISK_FULL` | no room is left for further messages |
 * | `BROKER_REFUSED` | the broker refuses a command; `BrokerRefusal.reason` says why |
 * | `FILTER_INVALID` | the filter or the action of a rule breaks the language; the text gives the position |
 * | `FILTER_FAILED` | a filter or an action cannot be evaluated for a message |
 * | `PROTOCOL_VIOLATION` | a peer broke a rule of AMQP 1.0 |
 * | `LOCK_LOST` | the session or message lock is gone |
 * | `TRAINER_FAILED` | a training run ended without success |
 * | `REGISTRY_CONFLICT` | another epoch changed the champion first |
 * | `LEDGER_INVALID` | the session state does not hold a ledger that this release can read |
 * | `TOOL_MISSING` | a program or package that a command needs is not installed |
 * | `DEPLOY_FAILED` | Pulumi could not do what was asked for |
 * | `INTERRUPTED` | stopped on request before the work was done |
 */
export type ErrorCode =
  | 'ARGUMENT_INVALID'
  | 'CONNECTION_STRING_INVALID'
  | 'CONFIGURATION_INVALID'
  | 'REQUEST_INVALID'
  | 'MESSAGE_TOO_LARGE'
  | 'ENTITY_NOT_FOUND'
  | 'UNAUTHORIZED'
  | 'UNREACHABLE'
  | 'ADDRESS_IN_USE'
  | 'DATA_LOCKED'
  | 'DATA_CORRUPT'
  | 'DATA_VERSION'
  | 'DISK_FAILED'
  | 'DISK_FULL'
  | 'BROKER_REFUSED'
  | 'FILTER_INVALID'
  | 'FILTER_FAILED'
  | 'PROTOCOL_VIOLATION'
  | 'LOCK_LOST'
  | 'TRAINER_FAILED'
  | 'REGISTRY_CONFLICT'
  | 'LEDGER_INVALID'
  | 'TOOL_MISSING'
  | 'DEPLOY_FAILED'
  | 'INTERRUPTED';

/** The one error class of this package. `message` names the field, the value, the limit and the remedy on one line. */
export class RetrainError extends Error {
  override readonly name = 'RetrainError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
