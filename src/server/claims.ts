import type { CancelTimer, Clock } from '../runtime/clock.ts';
import { allows } from './access-rule.ts';
import type { AccessRight } from './access-rule.ts';
import { isUnder } from './address.ts';
import { LIMITS } from './limits.ts';

interface Grant {
  readonly rights: readonly AccessRight[];
  /** Wall clock; infinite for a peer that authenticated through SASL PLAIN. */
  readonly expiresAtMs: number;
}

/**
 * What one connection may do: the tokens that it has put, by path. A later token for the same path replaces the former, so
 * that clients renew by putting again (service-bus-protocol.md §2.4).
 */
export class Claims {
  readonly #clock: Clock;
  readonly #onExpired: () => void;
  readonly #grants = new Map<string, Grant>();
  readonly #onGranted: () => void;
  #cancelTimer: CancelTimer | undefined;

  /**
   * `onGranted` is called with each valid token. `onExpired` is called after a token has expired: links that lived from it
   * must be looked at again.
   */
  constructor(options: { readonly clock: Clock; readonly onGranted: () => void; readonly onExpired: () => void }) {
    this.#clock = options.clock;
    this.#onGranted = options.onGranted;
    this.#onExpired = options.onExpired;
  }

  get empty(): boolean {
    return this.#grants.size === 0;
  }

  /** Returns false when the connection holds too many tokens already. */
  add(path: string, rights: readonly AccessRight[], expiresAtMs: number): boolean {
    const key = path.toLowerCase();
    if (this.#grants.size >= LIMITS.tokensPerConnection && !this.#grants.has(key)) return false;
    this.#grants.set(key, { rights, expiresAtMs });
    this.#arm();
    this.#onGranted();
    return true;
  }

  permits(path: string, right: AccessRight): boolean {
    const nowMs = this.#clock.wallMs();
    for (const [scope, grant] of this.#grants)
      if (grant.expiresAtMs > nowMs && isUnder(path, scope) && allows(grant.rights, right)) return true;
    return false;
  }

  close(): void {
    this.#cancelTimer?.();
    this.#grants.clear();
  }

  #arm(): void {
    this.#cancelTimer?.();
    let earliestMs = Infinity;
    for (const { expiresAtMs } of this.#grants.values()) earliestMs = Math.min(earliestMs, expiresAtMs);
    this.#cancelTimer =
      earliestMs === Infinity
        ? undefined
        : this.#clock.after(Math.max(1, earliestMs - this.#clock.wallMs()), () => this.#expire());
  }

  #expire(): void {
    const nowMs = this.#clock.wallMs();
    let expired = false;
    for (const [scope, grant] of this.#grants) {
      if (grant.expiresAtMs > nowMs) continue;
      this.#grants.delete(scope);
      expired = true;
    }
    this.#arm();
    if (expired) this.#onExpired();
  }
}
