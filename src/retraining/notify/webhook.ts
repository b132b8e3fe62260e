import { createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../../runtime/clock.ts';
import type { NotifyRule } from './notify-settings.ts';
import type { Notification } from './notify-text.ts';

/** How one try ended. */
export type Delivery =
  | { readonly kind: 'told' }
  /** `retryAfterMs`: before it, no further try is welcome. */
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number };

/** The longest wait that a Retry-After is followed for. */
const RETRY_AFTER_MAX_MS = 3_600_000;
const BASE64_SECRET = /^whsec_/;

export interface DeliveryOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Sends a notification by POST; every status of 2xx is success. With a secret it is signed as Standard Webhooks 1.0 say:
 * `webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body">`. Redirects are not followed: they would change the
 * method. The address may be a secret: what is said about it names its origin only.
 */
export async function postWebhook(
  webhook: NonNullable<NotifyRule['webhook']>,
  notification: Notification,
  { clock, timeoutMs, signal }: DeliveryOptions,
): Promise<Delivery> {
  const url = new URL(webhook.url);
  const body = JSON.stringify(notification);
  const timestamp = String(Math.floor(clock.wallMs() / 1000));
  const signature = webhook.secret && signatureOf(webhook.secret, `${notification.id}.${timestamp}.${body}`);
  const headers = {
    ...webhook.headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'retrain',
    'webhook-id': notification.id,
    'webhook-timestamp': timestamp,
    ...(signature !== undefined && { 'webhook-signature': signature }),
  };
  const late = new AbortController();
  const cancel = clock.after(timeoutMs, () => late.abort());
  const where = url.origin;
  try {
    const response = await send(url, { headers, body, signal: AbortSignal.any([signal, late.signal]) });
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return { kind: 'told' };
    const retryAfterMs = retryAfter(response.headers['retry-after'], clock.wallMs());
    return {
      kind: 'failed',
      reason: `${where} answered ${status}`,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
  } catch (error) {
    if (late.signal.aborted) return { kind: 'failed', reason: `${where} did not answer in ${timeoutMs} ms` };
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: 'failed', reason: `${where} could not be reached (${code ?? message.slice(0, 100)})` };
  } finally {
    cancel();
  }
}

function send(
  url: URL,
  { headers, body, signal }: { headers: Record<string, string | number>; body: string; signal: AbortSignal },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const open = url.protocol === 'https:' ? httpsRequest : httpRequest;
    // A connection of its own: notifications are rare, and an idle one would keep the process.
    const request = open(url, { method: 'POST', headers, signal, agent: false }, (response) => {
      response.on('error', () => undefined);
      // What it says beyond the status is not looked at, however long it is.
      response.destroy();
      resolve(response);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** The secret is text; with the prefix whsec_ the rest is the key in base64. */
export function signatureOf(secret: string, content: string): string {
  const key = BASE64_SECRET.test(secret) ? Buffer.from(secret.replace(BASE64_SECRET, ''), 'base64') : secret;
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
}

/** Seconds or a date (RFC 9110, section 10.2.3). */
function retryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) ? Math.min(RETRY_AFTER_MAX_MS, Math.max(0, ms)) : undefined;
}
