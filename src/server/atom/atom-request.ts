import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
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

/** Which entries of a list are wanted. */
export interface Page {
  readonly skip: number;
  readonly top: number;
}

/** Versions from which on descriptions have more elements. */
export const WITH_MESSAGE_SIZE = '2021-05';
export const WITH_FILTER_COUNTS = '2024-05';

const NO_HOST = 'localhost';
const HOST = /^[A-Za-z0-9._:[\]-]{1,255}$/;

/** @throws AtomRefusal 400 */
export function readRequest(request: IncomingMessage): AtomRequest {
  const url = request.url ?? '/';
  const urlPath = pathOfTarget(url);
  const parameters = parametersOf(url);
  const host = hostOf(request);
  return {
    method: request.method ?? 'GET',
    target: targetOf(urlPath),
    urlPath,
    host,
    origin: `${(request.socket as Partial<TLSSocket>).encrypted ? 'https' : 'http'}://${host}`,
    apiVersion: parameters.get('api-version') ?? '',
    update: request.headers['if-match'] !== undefined,
    page: {
      skip: count(parameters, '$skip', 0),
      top: Math.min(count(parameters, '$top', LIMITS.entitiesPerPage), LIMITS.entitiesPerPageMax),
    },
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  };
}

/** It stands in addresses of the answer, so what is no host name is not repeated. */
export function hostOf(request: IncomingMessage): string {
  const { host } = request.headers;
  return host !== undefined && HOST.test(host) ? host.toLowerCase() : NO_HOST;
}

/** Parameters of the query by their names in lower case. */
function parametersOf(url: string): ReadonlyMap<string, string> {
  const mark = url.indexOf('?');
  const all = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  return new Map([...all].map(([name, value]) => [name.toLowerCase(), value]));
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
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = (): AtomRefusal =>
    new AtomRefusal(
      413,
      `SubCode=41300. The body has more than ${LIMITS.adminRequestBytes} bytes, which is the limit.`,
    );
  if (Number(request.headers['content-length'] ?? 0) > LIMITS.adminRequestBytes) throw tooLarge();
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes <= LIMITS.adminRequestBytes) parts.push(part);
      else {
        parts.length = 0;
        reject(tooLarge());
      }
    });
    request.once('end', () => resolve(Buffer.concat(parts)));
    const cutOff = (): void => reject(new AtomRefusal(400, 'SubCode=40000. The body ended before it was whole.'));
    request.once('error', cutOff);
    request.once('close', cutOff);
  });
}
