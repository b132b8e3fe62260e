import type { IncomingMessage } from 'node:http';
import { BodyRefusal, headerOf, hostOf, originOf, parametersOf, readBody } from '../http-request.ts';
import type { Page } from '../http-request.ts';
import { pathOfTarget } from '../http-route.ts';
import { LIMITS } from '../limits.ts';
import { AtomRefusal, refusal } from './atom-refusal.ts';
import { targetOf } from './target.ts';
import type { Target } from './target.ts';

/** A request to the admin API, without its body. */
export interface AtomRequest {
  readonly method: string;
  readonly target: Target;
  /** Of the URL as it came, percent-encoded: what tokens are for. */
  readonly urlPath: string;
  /** Scheme and authority as the client wrote them, for the addresses in the answer. */
  readonly origin: string;
  /** The authority: host name and, unless it is the scheme's own, port. */
  readonly host: string;
  readonly apiVersion: string;
  /** PUT of what must exist already (`If-Match: *`). */
  readonly update: boolean;
  readonly page: Page;
  readonly header: (name: string) => string | undefined;
}

/** Versions from which on descriptions have more elements. */
export const WITH_MESSAGE_SIZE = '2021-05';
export const WITH_FILTER_COUNTS = '2024-05';

/** @throws AtomRefusal 400 */
export function readRequest(request: IncomingMessage): AtomRequest {
  const url = request.url ?? '/';
  const urlPath = pathOfTarget(url);
  const parameters = parametersOf(url);
  return {
    method: request.method ?? 'GET',
    target: targetOf(urlPath),
    urlPath,
    host: hostOf(request),
    origin: originOf(request),
    apiVersion: parameters.get('api-version') ?? '',
    update: request.headers['if-match'] !== undefined,
    page: {
      skip: count(parameters, '$skip', 0),
      top: Math.min(count(parameters, '$top', LIMITS.entitiesPerPage), LIMITS.entitiesPerPageMax),
    },
    header: (name) => headerOf(request, name),
  };
}

function count(parameters: ReadonlyMap<string, string>, name: string, normal: number): number {
  const text = parameters.get(name);
  if (text === undefined || text === '') return normal;
  if (!/^\d{1,9}$/.test(text)) throw refusal(400, `${name} is '${text}'; it must be a whole number from 0.`);
  return Number(text);
}

/** The name of the namespace: the first label of the host's name. */
export function namespaceName(host: string): string {
  const [name = ''] = host.split(/[.:]/, 1);
  return name === '' || host.startsWith('[') || /^\d+(\.\d+){3}(:|$)/.test(host) ? 'retrain' : name;
}

/**
 * The body of a request.
 *
 * @throws AtomRefusal 413 over `LIMITS.adminRequestBytes`; the rest is not kept
 */
export async function readDescription(request: IncomingMessage): Promise<Buffer> {
  try {
    return await readBody(request, LIMITS.adminRequestBytes);
  } catch (error) {
    if (!(error instanceof BodyRefusal)) throw error;
    const status = error.reason === 'too-large' ? 413 : 400;
    throw new AtomRefusal(status, `SubCode=${status}00. ${error.message}`, { cause: error });
  }
}
