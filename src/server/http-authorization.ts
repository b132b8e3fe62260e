import { allows } from './access-rule.ts';
import type { AccessRight } from './access-rule.ts';
import type { Credential } from './access-rules.ts';
import { jwtExpiryMs } from './json-web-token.ts';
import { expired, isSasToken, sasExpiryMs, verifySasToken } from './sas-token.ts';
import type { TokenRefusal, TokenVerdict } from './sas-token.ts';
import type { Service } from './service.ts';

// What the APIs of the HTTP port make of an `Authorization` header alike.

const BEARER = /^bearer( +|$)/i;

/** The token in a header, which may call itself a bearer token whatever it is. */
export function tokenIn(header: string): string {
  return header.replace(BEARER, '');
}

/** Whether the token in `header` is good for `urlPath`, which is still percent-encoded. */
export function verdictOn({ rules, clock }: Service, header: string, urlPath: string): TokenVerdict {
  return verifySasToken({ token: tokenIn(header), audience: urlPath, rules, nowMs: clock.wallMs() });
}

/** `owner` is the queue or topic; undefined: the namespace. */
export function hasRight({ rule }: Credential, owner: string | undefined, right: AccessRight): boolean {
  return (rule.queue === undefined || rule.queue.toLowerCase() === owner?.toLowerCase()) && allows(rule.rights, right);
}

/** Who lets everybody in honours the expiry that a token states. */
export function expiryOf(service: Service, header: string): TokenRefusal | undefined {
  const token = tokenIn(header);
  const expiresAtMs = isSasToken(token) ? sasExpiryMs(token) : jwtExpiryMs(token);
  return expiresAtMs > service.clock.wallMs() ? undefined : expired(expiresAtMs);
}
