import { BrokerRefusal } from '../../broker/index.ts';
import type { RefusalReason } from '../../broker/index.ts';
import { RetrainError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { BodyRefusal } from '../http-request.ts';

/** Codes of Azure Resource Manager (common-deployment-errors, resource-manager-rest), and the statuses that come with them. */
const STATUS_OF = {
  AuthenticationFailed: 401,
  InvalidAuthenticationToken: 401,
  AuthorizationFailed: 403,
  BadRequest: 400,
  InvalidRequestContent: 400,
  InvalidApiVersionParameter: 400,
  MissingApiVersionParameter: 400,
  InvalidSubscriptionId: 400,
  InvalidResourceGroup: 400,
  LocationRequired: 400,
  MissingSubscription: 404,
  InvalidResourceNamespace: 404,
  InvalidResourceType: 404,
  ResourceNotFound: 404,
  ParentResourceNotFound: 404,
  MethodNotAllowed: 405,
  Conflict: 409,
  InvalidResourceLocation: 409,
  RequestEntityTooLarge: 413,
  InternalServerError: 500,
  InsufficientStorage: 507,
  ServiceUnavailable: 503,
} as const;

export type ArmCode = keyof typeof STATUS_OF;

/** The broker does not carry out a request to Azure Resource Manager, and has changed nothing. */
export class ArmRefusal extends RetrainError {
  readonly status: number;
  readonly armCode: ArmCode;
  /** Methods that would be allowed, with 405. */
  readonly allow: readonly string[];

  constructor(armCode: ArmCode, said: string, options: { cause?: unknown; allow?: readonly string[] } = {}) {
    super('ARGUMENT_INVALID', said, options);
    this.armCode = armCode;
    this.allow = options.allow ?? [];
    this.status = STATUS_OF[armCode];
  }
}

/** `id` is of the resource, such as `/subscriptions/…/queues/orders`. */
export function resourceNotFound(id: string): ArmRefusal {
  return new ArmRefusal(
    'ResourceNotFound',
    `The resource '${id}' was not found. Create it first, or correct its name.`,
  );
}

export function parentNotFound(parent: string, remedy: string): ArmRefusal {
  return new ArmRefusal(
    'ParentResourceNotFound',
    `The request cannot be performed, because the parent resource '${parent}' could not be found. ${remedy}`,
  );
}

export function badRequest(said: string): ArmRefusal {
  return new ArmRefusal('BadRequest', said);
}

const CODE_OF_REASON: Partial<Record<RefusalReason, ArmCode>> = {
  'entity-not-found': 'ResourceNotFound',
  'entity-exists': 'Conflict',
  'argument-invalid': 'BadRequest',
  'not-allowed': 'BadRequest',
  'quota-exceeded': 'BadRequest',
  'server-busy': 'ServiceUnavailable',
};

const CODE_OF_ERROR: Partial<Record<ErrorCode, ArmCode>> = {
  ENTITY_NOT_FOUND: 'ResourceNotFound',
  ARGUMENT_INVALID: 'BadRequest',
  CONFIGURATION_INVALID: 'BadRequest',
  FILTER_INVALID: 'BadRequest',
  DISK_FULL: 'InsufficientStorage',
  DISK_FAILED: 'ServiceUnavailable',
  INTERRUPTED: 'ServiceUnavailable',
};

/** What a client is told about `error`; undefined when it is not a refusal but a fault of ours. */
export function refusalOf(error: unknown): ArmRefusal | undefined {
  if (error instanceof ArmRefusal) return error;
  if (!(error instanceof RetrainError)) return undefined;
  if (error instanceof BodyRefusal)
    return new ArmRefusal(error.reason === 'too-large' ? 'RequestEntityTooLarge' : 'BadRequest', error.message);
  const code = error instanceof BrokerRefusal ? CODE_OF_REASON[error.reason] : CODE_OF_ERROR[error.code];
  return code && new ArmRefusal(code, error.message, { cause: error });
}
