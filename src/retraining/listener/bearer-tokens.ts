import { createHash, timingSafeEqual } from 'node:crypto';

const CREDENTIALS = /^Bearer +(\S+) *$/i;

/**
 * The tokens that open the listener. How long a comparison takes tells nothing about them: digests of one length are compared,
 * and always all of them.
 */
export class BearerTokens {
  readonly #digests: readonly Buffer[];

  constructor(tokens: readonly string[]) {
    this.#digests = tokens.map(digestOf);
  }

  get count(): number {
    return this.#digests.length;
  }

  /** Whether the header `Authorization` carries one of them (RFC 6750, section 2.1); everybody is let in when there is none. */
  admit(authorization: string | undefined): boolean {
    if (this.#digests.length === 0) return true;
    const given = digestOf(CREDENTIALS.exec(authorization ?? '')?.[1] ?? '');
    let found = false;
    for (const digest of this.#digests) found = timingSafeEqual(digest, given) || found;
    return found;
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
