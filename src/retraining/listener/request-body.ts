import type { IncomingMessage } from 'node:http';
import { problem } from './problem.ts';
import type { ProblemAnswer } from './problem.ts';

export type ReadBody =
  | { readonly kind: 'read'; readonly mediaType: string | undefined; readonly value: unknown }
  | { readonly kind: 'refused'; readonly answer: ProblemAnswer }
  /** The client went away before it had sent everything. */
  | { readonly kind: 'gone' };

const JSON_TYPE = /^application\/([a-z0-9.+-]+\+)?json$/;
const UTF_8 = /^"?utf-?8"?$/i;

/** What is wrong with a request's headers for a body, before any of it is read; undefined when nothing is. */
export function refuseHeaders(request: IncomingMessage, maxBytes: number): ProblemAnswer | undefined {
  const { headers } = request;
  if (Number(headers['content-length'] ?? 0) > maxBytes) return tooLarge(maxBytes);
  if (!hasBody(request)) return undefined;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return problem(415, `Content-Encoding is ${JSON.stringify(encoding.slice(0, 80))}: send the body as it is`);
  const type = headers['content-type'];
  if (type === undefined) return problem(415, 'Content-Type is missing: send JSON as application/json');
  if (!JSON_TYPE.test(mediaTypeOf(type)))
    return problem(415, `Content-Type is ${JSON.stringify(type.slice(0, 80))}: send JSON as application/json`);
  const charset = /;\s*charset\s*=\s*([^;\s]+)/i.exec(type)?.[1];
  if (charset !== undefined && !UTF_8.test(charset))
    return problem(415, `charset is ${JSON.stringify(charset.slice(0, 80))}: send JSON in UTF-8`);
  return undefined;
}

/** Reads a body of JSON whole. What is over the limit is taken and thrown away, so that the client reads our answer. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<ReadBody> {
  const bytes = await bytesOf(request, maxBytes);
  if (bytes === 'gone') return { kind: 'gone' };
  if (bytes === 'too-large') return { kind: 'refused', answer: tooLarge(maxBytes) };
  if (bytes.length === 0) return { kind: 'read', mediaType: undefined, value: undefined };
  const mediaType = mediaTypeOf(request.headers['content-type'] ?? '');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { kind: 'read', mediaType, value: JSON.parse(text) };
  } catch (error) {
    const what = error instanceof TypeError ? 'the body is not UTF-8' : 'the body is not JSON';
    return { kind: 'refused', answer: problem(400, `${what}: send one JSON value in UTF-8`) };
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function bytesOf(request: IncomingMessage, maxBytes: number): Promise<Buffer | 'too-large' | 'gone'> {
  return new Promise((resolve) => {
    let chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBytes) chunks.push(chunk);
      else {
        chunks = [];
        resolve('too-large');
      }
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', () => resolve('gone'));
    request.once('close', () => resolve('gone'));
  });
}

function tooLarge(maxBytes: number): ProblemAnswer {
  return problem(
    413,
    `the body is over the limit of ${maxBytes} bytes: send less at once, or name what is big by data[].uri`,
    {
      code: 'MESSAGE_TOO_LARGE',
    },
  );
}

function mediaTypeOf(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}
