import { parseServiceBusConnectionString, ServiceBusClient } from '@azure/service-bus';
import type { RetryOptions, TokenCredential } from '@azure/service-bus';

import { RetrainError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { pause } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';
import { NAMESPACE_HOST, NAMESPACE_HOST_RULE } from './namespace-host.ts';

export const DEFAULT_QUEUE = 'model-retraining-queue';

/** Three tries of 5 seconds: the client's own defaults (4 of 60 seconds, 30 between) report a silent host after minutes. */
export const RETRY_OPTIONS = {
  maxRetries: 2,
  retryDelayInMs: 250,
  maxRetryDelayInMs: 2_000,
  timeoutInMs: 5_000,
} satisfies RetryOptions;

/** How long `closeClient` waits for a peer. */
export const CLOSE_WITHIN_MS = 2_000;

export type Access =
  | { readonly by: 'connection-string'; readonly connectionString: string }
  | { readonly by: 'credential'; readonly credential: TokenCredential };

const WITHOUT_TLS = /^\s*UseDevelopmentEmulator\s*=\s*true\s*$/i;

/** Where a Service Bus is and what lets one in: a checked connection string, or a token credential of Entra ID. */
export interface Connection {
  readonly access: Access;
  /** Host, with the port when one is given. */
  readonly host: string;
  readonly keyName: string | undefined;
  /** The one queue or topic that the key is good for. */
  readonly entityPath: string | undefined;
  /** `UseDevelopmentEmulator=true`: whatever is spoken, it is without TLS. */
  readonly withoutTls: boolean;
}

/** Checks a connection string; raises `CONNECTION_STRING_INVALID` naming the part that is wrong, never showing the key. */
export function parseConnection(connectionString: string): Connection {
  if (connectionString.trim() === '') throw invalid('is empty');
  const parts = connectionString.split(';').filter((part) => part.trim() !== '');
  const bare = parts.find((part) => !part.includes('='));
  if (bare !== undefined) throw invalid(`has a part without "=" (part ${parts.indexOf(bare) + 1} of ${parts.length})`);
  const names = new Set(parts.map((part) => part.slice(0, part.indexOf('=')).trim().toLowerCase()));
  if (!names.has('endpoint')) throw invalid('has no Endpoint');
  if (!names.has('sharedaccesssignature'))
    for (const name of ['SharedAccessKeyName', 'SharedAccessKey'])
      if (!names.has(name.toLowerCase())) throw invalid(`has no ${name}`);
  let properties;
  try {
    properties = parseServiceBusConnectionString(connectionString);
  } catch (error) {
    // The client's texts name keys, not values; still only the name of the kind of error is shown.
    throw new RetrainError('CONNECTION_STRING_INVALID', sentence('is malformed'), { cause: error });
  }
  const { endpoint, sharedAccessKeyName: keyName, entityPath } = properties;
  if (!/^sb:\/\/[^/]+/i.test(endpoint))
    throw invalid(`has the Endpoint ${JSON.stringify(endpoint)}, which does not begin with sb://`);
  const withoutTls = parts.some((part) => WITHOUT_TLS.test(part));
  const access = { by: 'connection-string', connectionString } as const;
  return { access, host: properties.fullyQualifiedNamespace, keyName, entityPath, withoutTls };
}

function invalid(what: string): RetrainError {
  return new RetrainError('CONNECTION_STRING_INVALID', sentence(what));
}

function sentence(what: string): string {
  return `the connection string ${what}: use Endpoint=sb://HOST;SharedAccessKeyName=NAME;SharedAccessKey=KEY`;
}

/**
 * A connection with tokens of Entra ID instead of a key, as `DefaultAzureCredential` of `@azure/identity` gives them.
 *
 * @param fullyQualifiedNamespace such as `contoso.servicebus.windows.net`
 */
export function credentialConnection(fullyQualifiedNamespace: string, credential: TokenCredential): Connection {
  if (!NAMESPACE_HOST.test(fullyQualifiedNamespace))
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `fullyQualifiedNamespace = ${JSON.stringify(fullyQualifiedNamespace)}: ${NAMESPACE_HOST_RULE}`,
    );
  return {
    access: { by: 'credential', credential },
    host: fullyQualifiedNamespace,
    keyName: undefined,
    entityPath: undefined,
    withoutTls: false,
  };
}

/** What was given as a connection, checked. */
export function checkedConnection(connection: Connection | string): Connection {
  return typeof connection === 'string' ? parseConnection(connection) : connection;
}

/** The official client with bounded retries. It connects with the first operation, not here. */
export function createClient({ access, host }: Connection, options: { retry?: RetryOptions } = {}): ServiceBusClient {
  const retryOptions = { ...RETRY_OPTIONS, ...options.retry };
  if (access.by === 'connection-string') return new ServiceBusClient(access.connectionString, { retryOptions });
  return new ServiceBusClient(host, access.credential, { retryOptions });
}

/** Closes a client, but waits only so long: while a connection is being opened, its `close` waits a minute for a silent host. */
export async function closeClient(
  client: { close(): Promise<void> },
  { clock, withinMs = CLOSE_WITHIN_MS }: { clock: Clock; withinMs?: number },
): Promise<void> {
  const given = new AbortController();
  const closed = client
    .close()
    .catch(() => undefined)
    .finally(() => given.abort());
  await Promise.race([closed, pause(clock, withinMs, given.signal)]);
}

/** Where an operation went: for the one line of an error. */
export interface Target {
  readonly host: string;
  readonly entity: string;
  readonly keyName?: string | undefined;
}

/** What `@azure/identity` raises, by name: the package is loaded only where it is used. */
const CREDENTIAL_ERRORS: ReadonlySet<string> = new Set([
  'CredentialUnavailableError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'AggregateAuthenticationError',
]);

const NOT_ANSWERING = 'check that the broker runs and that host and port are right';

/** What the codes of the official client (its `ServiceBusErrorCode`) mean to us, and what to do about it. */
const MEANINGS: Readonly<Record<string, readonly [ErrorCode, (target: Target) => string]>> = {
  MessagingEntityNotFound: [
    'ENTITY_NOT_FOUND',
    (at) => `"${at.entity}" does not exist at ${at.host}: create it or correct its name`,
  ],
  MessagingEntityDisabled: ['CONFIGURATION_INVALID', (at) => `"${at.entity}" at ${at.host} is disabled: enable it`],
  UnauthorizedAccess: [
    'UNAUTHORIZED',
    (at) =>
      `${at.host} refuses the key ${JSON.stringify(at.keyName ?? 'given')} for "${at.entity}": check SharedAccessKey, and ` +
      'that it gives the right to send or listen',
  ],
  MessageSizeExceeded: [
    'MESSAGE_TOO_LARGE',
    (at) => `the message is over the limit of "${at.entity}": name what is big by data[].uri or dataref`,
  ],
  QuotaExceeded: [
    'DISK_FULL',
    (at) => `"${at.entity}" at ${at.host} takes no further messages: make room or raise its limit`,
  ],
  SessionLockLost: ['LOCK_LOST', (at) => `the session lock in "${at.entity}" is lost: accept the session again`],
  SessionCannotBeLocked: [
    'LOCK_LOST',
    (at) => `the session in "${at.entity}" is held by another worker: wait for its lock to end`,
  ],
  MessageLockLost: ['LOCK_LOST', (at) => `the lock of a message in "${at.entity}" is lost: it will be delivered again`],
  ServiceBusy: ['UNREACHABLE', (at) => `${at.host} is too busy for "${at.entity}": try again later`],
  ServiceTimeout: ['UNREACHABLE', (at) => `${at.host} does not answer in time: ${NOT_ANSWERING}`],
  ServiceCommunicationProblem: ['UNREACHABLE', (at) => `the connection to ${at.host} broke: ${NOT_ANSWERING}`],
};

/**
 * An error of the official client as one of ours: by its code, or by the system's error number, never by its text. What
 * is neither (a mistake in the program) comes back as it is.
 */
export function toRetrainError(error: unknown, target: Target): Error {
  if (error instanceof RetrainError) return error;
  // The client raises one AggregateError when every retry failed; the last try is as good as any.
  if (error instanceof AggregateError && error.errors.length > 0) return toRetrainError(error.errors.at(-1), target);
  if (!(error instanceof Error)) return new Error(String(error));
  const { code, errno, syscall } = error as Error & { code?: unknown; errno?: unknown; syscall?: unknown };
  if (error.name === 'AbortError')
    return new RetrainError('INTERRUPTED', `stopped while talking to ${target.host}`, { cause: error });
  if (CREDENTIAL_ERRORS.has(error.name))
    return new RetrainError(
      'UNAUTHORIZED',
      `Entra ID gives no token for ${target.host} (${firstLine(error.message)}): run az login, set AZURE_CLIENT_ID and the like, or give the managed identity`,
      { cause: error },
    );
  const meaning = typeof code === 'string' ? MEANINGS[code] : undefined;
  if (meaning) return new RetrainError(meaning[0], meaning[1](target), { cause: error });
  if (errno !== undefined && syscall !== undefined)
    return new RetrainError(
      'UNREACHABLE',
      `nobody answers at ${target.host} (${firstLine(error.message)}): ${NOT_ANSWERING}`,
      {
        cause: error,
      },
    );
  // A connection that was cut while it was being opened is an error without name and code.
  const nameless = error.name === 'Error' && code === undefined;
  if (!nameless && error.name !== 'ServiceBusError' && error.name !== 'MessagingError') return error;
  return new RetrainError('UNREACHABLE', `${target.host} failed (${firstLine(error.message)}): ${NOT_ANSWERING}`, {
    cause: error,
  });
}

function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, 200);
}
