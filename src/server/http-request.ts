import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { RetrainError } from '../errors.ts';

// What the APIs of the HTTP port read of a request alike.

const NO_HOST = 'localhost';
const HOST = /^[A-Za-z0-9._:[\]-]{1,255}$/;

/** The authority: host name and, unless it is the scheme's own, port. It stands in addresses of the answer, so what is no host name is not repeated. */
export function hostOf(request: IncomingMessage): string {
  const { host } = request.headers;
  return host !== undefined && HOST.test(host) ? host.toLowerCase() : NO_HOST;
}

/** Scheme and authority as the client wrote them, for the addresses in the answer. */
export function originOf(request: IncomingMessage): string {
  return `${(request.socket as Partial<TLSSocket>).encrypted ? 'https' : 'http'}://${hostOf(request)}`;
}

/** Parameters of the query by their names in lower case. */
export function parametersOf(url: string): ReadonlyMap<string, string> {
  const mark = url.indexOf('?');
  const all = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  return new Map([...all].map(([name, value]) => [name.toLowerCase(), value]));
}

export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Which entries of a list are wanted. */
export interface Page {
  readonly skip: number;
  readonly top: number;
}

/** The part of `all` that a page shows, and whether there is more behind it. */
export function pageOf<T>(
  all: readonly T[],
  { skip, top }: Page,
): { readonly items: readonly T[]; readonly more: boolean } {
  const items = all.slice(skip, skip + top);
  return { items, more: items.length > 0 && skip + items.length < all.length };
}

/** The body of a request cannot be taken. */
export class BodyRefusal extends RetrainError {
  readonly reason: 'too-large' | 'cut-off';

  constructor(reason: BodyRefusal['reason'], said: string) {
    super('ARGUMENT_INVALID', said);
    this.reason = reason;
  }
}

/**
 * The body of a request; how long it may take is the port's rule.
 *
 * @throws BodyRefusal over `maxBytes`, the rest is not kept; when the connection goes before it is whole
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = (): BodyRefusal =>
    new BodyRefusal('too-large', `The body has more than ${maxBytes} bytes, which is the limit.`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes <= maxBytes) parts.push(part);
      else {
        parts.length = 0;
        reject(tooLarge());
      }
    });
    request.once('end', () => resolve(Buffer.concat(parts)));
    const cutOff = (): void => reject(new BodyRefusal('cut-off', 'The body ended before it was whole.'));
    request.once('error', cutOff);
    request.once('close', cutOff);
  });
}
