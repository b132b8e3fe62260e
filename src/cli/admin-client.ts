import { ServiceBusAdministrationClient } from '@azure/service-bus';
import { RetrainError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { Connection } from '../retraining/connection.ts';
import { systemClock } from '../runtime/clock.ts';
import { serviceWords } from './service-words.ts';

/** One request of the admin client. */
const REQUEST_MS = 9_000;

/** Where the admin API is when a connection string without TLS names no port: the emulator's HTTP port. */
const DEFAULT_HTTP_PORT = 5300;

const RETRIES = { maxRetries: 1, retryDelayInMs: 250, maxRetryDelayInMs: 1_000 };

type Policy = Parameters<ServiceBusAdministrationClient['pipeline']['addPolicy']>[0];

/**
 * Does `work` with the official admin client, which speaks HTTPS to the host of the connection string; with one that says
 * `UseDevelopmentEmulator=true` it speaks HTTP to the same port.
 *
 * @throws RetrainError, whatever the client raised; the message names the entity, what the service said and the remedy
 */
export async function withAdmin<T>(
  connection: Connection,
  work: (admin: ServiceBusAdministrationClient) => Promise<T>,
): Promise<T> {
  const { access, host } = connection;
  const options = { retryOptions: RETRIES };
  const admin =
    access.by === 'connection-string'
      ? new ServiceBusAdministrationClient(access.connectionString, options)
      : new ServiceBusAdministrationClient(host, access.credential, options);
  // Its option additionalPolicies is not looked at (7.9.5).
  admin.pipeline.addPolicy(requestPolicy(connection));
  try {
    return await work(admin);
  } catch (error) {
    throw explained(error, connection);
  }
}

/** Gives every request its time, and without TLS another scheme. */
function requestPolicy({ host, withoutTls }: Connection): Policy {
  const plain = `http://${/:\d+$/.test(host) ? host : `${host}:${DEFAULT_HTTP_PORT}`}`;
  return {
    name: 'retrainRequestPolicy',
    sendRequest: (request, next) => {
      if (withoutTls) {
        request.url = request.url.replace(/^https:\/\/[^/]+/, () => plain);
        request.allowInsecureConnection = true;
      }
      // Not `request.timeout`, whose timer outlives a request that fails.
      const tooLate = new AbortController();
      request.abortSignal = tooLate.signal;
      return next(request).finally(systemClock.after(REQUEST_MS, () => tooLate.abort()));
    },
  };
}

/** What is read of the client's `RestError`, a class that it does not export. */
interface RestError extends Error {
  readonly code?: string;
  readonly statusCode?: number;
  readonly request?: { readonly url: string };
}

interface Answered {
  /** Path of the entity, or `namespace`. */
  readonly entity: string;
  readonly host: string;
  readonly keyName: string | undefined;
  /** The service's own words. */
  readonly said: string;
}

/** What the codes of the admin client mean to us (its `executeAtomXmlOperation`). */
const MEANINGS: Readonly<Record<string, readonly [ErrorCode, (answered: Answered) => string]>> = {
  UnauthorizedRequestError: [
    'UNAUTHORIZED',
    (at) =>
      `${at.host} refuses the key ${JSON.stringify(at.keyName ?? 'given')} for ${at.entity}: check SharedAccessKey, and that ` +
      'it gives the right to manage',
  ],
  MessageEntityNotFoundError: [
    'ENTITY_NOT_FOUND',
    (at) => `${at.entity} does not exist at ${at.host}: create it or correct its name`,
  ],
  MessageEntityAlreadyExistsError: [
    'BROKER_REFUSED',
    (at) => `${at.entity} exists already at ${at.host}: change it instead, or choose another name`,
  ],
  QuotaExceededError: ['BROKER_REFUSED', (at) => `${at.host} has no room for ${at.entity}: ${at.said}`],
  InvalidOperationError: ['BROKER_REFUSED', (at) => `${at.host} refuses to change ${at.entity}: ${at.said}`],
  ServiceError: ['BROKER_REFUSED', (at) => `${at.host} refuses ${at.entity}: ${at.said}`],
  ServerBusyError: ['UNREACHABLE', (at) => `${at.host} is too busy for ${at.entity}: try again later`],
};

function explained(error: unknown, connection: Connection): unknown {
  if (!(error instanceof Error) || error instanceof RetrainError) return error;
  const { host, keyName } = connection;
  if (error.name === 'AbortError')
    return new RetrainError(
      'UNREACHABLE',
      `no answer of the admin API at ${host} in ${REQUEST_MS} ms: check that it runs and that host and port are right`,
      { cause: error },
    );
  if (error.name !== 'RestError') return error;
  const { code, request, statusCode } = error as RestError;
  const said = serviceWords(error);
  const meaning = MEANINGS[code ?? ''];
  if (meaning) {
    const text = meaning[1]({ entity: entityOf(request?.url), host, keyName, said });
    return new RetrainError(meaning[0], text, { cause: error });
  }
  const text =
    statusCode === undefined
      ? `nobody answers the admin API at ${host} (${said}): check that the broker runs and that host and port are right`
      : `${host} does not answer as the admin API (HTTP ${statusCode}, ${said}): check that host and port are right`;
  return new RetrainError('UNREACHABLE', text, { cause: error });
}

/** What is asked about, from the path of the request. */
function entityOf(url: string | undefined): string {
  const path = decodeURIComponent(new URL(url ?? 'http://none').pathname).slice(1);
  return path === '' || path.startsWith('$') ? 'the namespace' : JSON.stringify(path);
}
