import { BrokerRefusal } from '../../broker/index.ts';
import type { RefusalReason } from '../../broker/index.ts';
import { RetrainError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';

/** The broker does not carry out a request to the admin API, and has changed nothing. */
export class AtomRefusal extends RetrainError {
  /** Of the response. */
  readonly status: number;

  /** `said`, with a sub code where clients look for one, is all of the detail but the tracking text. */
  constructor(status: number, said: string, options: { code?: ErrorCode; cause?: unknown } = {}) {
    super(options.code ?? 'ARGUMENT_INVALID', said, options);
    this.status = status;
  }
}

/** Sub codes of service-bus-resource-manager-exceptions, which the clients tell some errors by (service-bus-protocol.md §12.6). */
const SUB_CODE = { 400: '40000', 403: '40300', 409: '40900', 503: '50001' } as const;
type CodedStatus = keyof typeof SUB_CODE;

export function refusal(status: CodedStatus, said: string, cause?: unknown): AtomRefusal {
  return new AtomRefusal(status, `SubCode=${SUB_CODE[status]}. ${said}`, { cause });
}

/**
 * Properties that were decided when the entity was made, by the names of their elements: what is given of them must be as it is.
 *
 * @throws AtomRefusal 400, in the service's words
 */
export function mustKeep<P extends string>(
  what: 'Queue' | 'Topic' | 'Subscription',
  fixed: readonly (readonly [element: string, property: P])[],
  { given, present }: { given: Readonly<Record<string, unknown>>; present: Readonly<Record<P, unknown>> },
): void {
  for (const [element, property] of fixed) {
    if (given[property] === undefined || given[property] === present[property]) continue;
    throw refusal(
      400,
      element === 'EnablePartitioning'
        ? `Partitioning cannot be changed for ${what}.`
        : `The value for the ${element} property of an existing ${what} cannot be changed.`,
    );
  }
}

export function notFound(host: string, path: string): AtomRefusal {
  return new AtomRefusal(404, `The messaging entity 'sb://${host}/${path}' could not be found.`, {
    code: 'ENTITY_NOT_FOUND',
  });
}

export function alreadyExists(host: string, path: string): AtomRefusal {
  return refusal(409, `The messaging entity 'sb://${host}/${path}' already exists.`);
}

const STATUS_OF_REASON: Partial<Record<RefusalReason, CodedStatus>> = {
  'entity-exists': 409,
  'argument-invalid': 400,
  'not-allowed': 400,
  'quota-exceeded': 403,
  'server-busy': 503,
};

const STATUS_OF_CODE: Partial<Record<ErrorCode, CodedStatus>> = {
  ARGUMENT_INVALID: 400,
  CONFIGURATION_INVALID: 400,
  FILTER_INVALID: 400,
  DISK_FULL: 403,
  DISK_FAILED: 503,
  INTERRUPTED: 503,
};

/** What a client is told about `error`; undefined when it is not a refusal but a fault of ours. `host` and `path` are the request's. */
export function refusalOf(error: unknown, host: string, path: string): AtomRefusal | undefined {
  if (error instanceof AtomRefusal) return error;
  if (!(error instanceof RetrainError)) return undefined;
  if (error.code === 'ENTITY_NOT_FOUND') return notFound(host, path);
  if (error instanceof BrokerRefusal) {
    if (error.reason === 'entity-not-found') return notFound(host, path);
    if (error.reason === 'entity-exists') return alreadyExists(host, path);
    const status = STATUS_OF_REASON[error.reason];
    return status && refusal(status, error.message, error);
  }
  const status = STATUS_OF_CODE[error.code];
  return status && refusal(status, error.message, error);
}
