/** Tokens of Entra ID have 1 to 4 KiB; the whole request to `$cbs` is bounded besides. */
const MAX_TOKEN_CHARS = 32_768;

/**
 * The time at which a JSON Web Token expires (RFC 7519, `exp`), in milliseconds; infinite when it states none or cannot be read.
 * Nothing is verified: this is for a broker that lets everybody in (`auth` none).
 */
export function jwtExpiryMs(token: string): number {
  if (token.length > MAX_TOKEN_CHARS) return Infinity;
  const [, payload = ''] = token.split('.');
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const exp = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : undefined;
    return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : Infinity;
  } catch {
    return Infinity;
  }
}
