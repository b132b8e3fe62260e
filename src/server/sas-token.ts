import { isUnder, pathOf, queueOf } from './address.ts';
import type { AccessRules, Credential } from './access-rules.ts';

/** Outcome of a look at a token: what it gives, or the status and text of the refusal (service-bus-protocol.md §2.3). */
export type TokenVerdict =
  { readonly granted: true; readonly credential: Credential; readonly expiresAtMs: number } | TokenRefusal;

export interface TokenRefusal {
  readonly granted: false;
  readonly statusCode: 400 | 401;
  readonly description: string;
}

const PREFIX = 'SharedAccessSignature ';
/** Tokens are a few hundred bytes; the longest entity path is 260 characters. */
const MAX_TOKEN_CHARS = 4_096;

/** Whether a token is meant to be a shared access signature, whatever its sender calls it. */
export function isSasToken(token: string): boolean {
  return token.startsWith(PREFIX);
}

/**
 * Verifies a shared access signature for `audience` (docs: service-bus-sas.md). The signature covers the resource exactly as
 * it was sent, still percent-encoded; it gives the rights of its rule on that resource and on everything under it.
 */
export function verifySasToken(options: {
  readonly token: string;
  readonly audience: string;
  readonly rules: AccessRules;
  readonly nowMs: number;
}): TokenVerdict {
  const { token, audience, rules, nowMs } = options;
  const fields = token.length <= MAX_TOKEN_CHARS && isSasToken(token) ? fieldsOf(token) : undefined;
  if (!fields)
    return refused(
      400,
      `The token is not a shared access signature: it must begin with '${PREFIX.trim()}' and hold sr, sig, se and skn`,
    );

  const { keyName: name, signature } = fields;
  const scope = pathOf(decode(fields.resource));
  const text = `${fields.resource}\n${fields.expiry}`;
  const credential = rules.signer({ queue: queueOf(scope), name, text, signature });
  if (!credential)
    return refused(
      401,
      'InvalidSignature: The token has an invalid signature; check SharedAccessKeyName and SharedAccessKey',
    );

  const expiresAtMs = Number(fields.expiry) * 1000;
  if (!(expiresAtMs > nowMs)) return expired(expiresAtMs);
  if (!isUnder(pathOf(audience), scope))
    return refused(401, `InvalidAudience: The token is for '${scope}', not for '${pathOf(audience)}'`);
  return { granted: true, credential, expiresAtMs };
}

/** When a shared access signature says that it expires; infinite when it cannot be read. */
export function sasExpiryMs(token: string): number {
  const fields = token.length <= MAX_TOKEN_CHARS ? fieldsOf(token) : undefined;
  return fields ? Number(fields.expiry) * 1000 : Infinity;
}

export function expired(expiresAtMs: number): TokenRefusal {
  return refused(401, `ExpiredToken: The token has expired at ${describeTime(expiresAtMs)}`);
}

function refused(statusCode: 400 | 401, description: string): TokenRefusal {
  return { granted: false, statusCode, description };
}

interface TokenFields {
  /** `sr` and `se` as they were signed. */
  readonly resource: string;
  readonly expiry: string;
  readonly signature: string;
  readonly keyName: string;
}

function fieldsOf(token: string): TokenFields | undefined {
  const raw = new Map<string, string>();
  for (const pair of token.slice(PREFIX.length).split('&')) {
    const equals = pair.indexOf('=');
    if (equals > 0) raw.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  const resource = raw.get('sr');
  const signature = raw.get('sig');
  const expiry = raw.get('se');
  const keyName = raw.get('skn');
  if (resource === undefined || !signature || !expiry || !/^\d{1,12}$/.test(expiry) || keyName === undefined)
    return undefined;
  return { resource, expiry, signature: decode(signature), keyName: decode(keyName) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function describeTime(epochMs: number): string {
  const time = new Date(epochMs);
  return Number.isNaN(time.getTime()) ? 'an unreadable time' : time.toISOString();
}
