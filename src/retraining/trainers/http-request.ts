import type { Clock } from '../../runtime/clock.ts';

/** A longer answer is cut off: nothing of the contract is that big. */
export const ANSWER_MAX_BYTES = 256 * 1024;
/** The longest wait that an answer may ask for. */
const RETRY_AFTER_MAX_MS = 60_000;

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of the whole exchange, answer included. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  /** Of a header `Retry-After` in seconds. */
  readonly retryAfterMs?: number;
}

/** The server could not be reached, or did not answer in time, or too much: what it has done is not known. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** One exchange. Redirects are not followed, as they would carry the token elsewhere. Raises `NoAnswer`. */
export async function exchange(request: HttpRequest): Promise<HttpAnswer> {
  const { method, url, headers, body, timeoutMs, clock, signal } = request;
  const limit = new AbortController();
  const cancel = clock.after(timeoutMs, () => limit.abort(new Error(`no answer within ${timeoutMs} ms`)));
  const abort = (): void => limit.abort(new Error('given up'));
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const answer = await fetch(url, {
      method,
      headers,
      ...(body !== undefined && { body }),
      redirect: 'manual',
      signal: limit.signal,
    });
    const text = await readText(answer);
    const retryAfter = Number(answer.headers.get('retry-after') ?? Number.NaN);
    return {
      status: answer.status,
      text,
      ...(retryAfter >= 0 && { retryAfterMs: Math.min(retryAfter * 1000, RETRY_AFTER_MAX_MS) }),
    };
  } catch (error) {
    throw new NoAnswer(`${method} ${shownUrl(url)}: ${reasonOf(limit.signal.aborted ? limit.signal.reason : error)}`, {
      cause: error,
    });
  } finally {
    cancel();
    signal?.removeEventListener('abort', abort);
  }
}

async function readText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > ANSWER_MAX_BYTES) throw new Error(`the answer has more than ${ANSWER_MAX_BYTES} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: string; message?: string }; message?: string };
  return cause?.code ?? cause?.message ?? message ?? String(error);
}

/** An address for texts that others read: what follows its path may be a secret. */
export function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
