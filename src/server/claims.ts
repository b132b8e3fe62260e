import type { CancelTimer, Clock } from '../runtime/clock.ts';
import { allows } from './access-rule.ts';
import type { AccessRight } from './access-rule.ts';
import type { AccessRules, Credential } from './access-rules.ts';
import { isUnder, queueOf } from './address.ts';
import { LIMITS } from './limits.ts';

export interface Grant {
  readonly rights: readonly AccessRight[];
  /** What it was given for; absent when nobody is asked for anything (`auth` none). */
  readonly credential?: Credential;
  /** Wall clock; infinite for a peer that authenticated through SASL PLAIN. */
  readonly expiresAtMs: number;
}

/** Why claims have ended. */
export type Loss = 'expired' | 'replaced' | 'rule-changed';

/**
 * What one connection may do: the tokens that it has put, by path. A later token for the same path replaces the former, so
 * that clients renew by putting again (service-bus-protocol.md §2.4); what the former alone allowed ends with it.
 */
export class Claims {
  readonly #clock: Clock;
  readonly #onLost: (loss: Loss) => void;
  readonly #grants = new Map<string, Grant>();
  readonly #onGranted: () => void;
  #cancelTimer: CancelTimer | undefined;

  /** `onGranted` is called with each valid token. `onLost` is called after one has ended: links that lived from it must be looked at again. */
  constructor(options: {
    readonly clock: Clock;
    readonly onGranted: () => void;
    readonly onLost: (loss: Loss) => void;
  }) {
    this.#clock = options.clock;
    this.#onGranted = options.onGranted;
    this.#onLost = options.onLost;
  }

  get empty(): boolean {
    return this.#grants.size === 0;
  }

  /** Returns false when the connection holds too many tokens already. */
  add(path: string, grant: Grant): boolean {
    const key = path.toLowerCase();
    if (this.#grants.size >= LIMITS.tokensPerConnection && !this.#grants.has(key)) return false;
    const former = this.#grants.get(key);
    this.#grants.set(key, grant);
    this.#arm();
    this.#onGranted();
    if (former && former.credential?.rule !== grant.credential?.rule) this.#onLost('replaced');
    return true;
  }

  permits(path: string, right: AccessRight): boolean {
    const nowMs = this.#clock.wallMs();
    for (const [scope, grant] of this.#grants)
      if (grant.expiresAtMs > nowMs && covers(grant, scope, path) && allows(grant.rights, right)) return true;
    return false;
  }

  /** Other rules are in force: what was given for a rule or a key that is gone ends, the rights of the others follow their rule. */
  reconsider(rules: AccessRules): void {
    let changed = false;
    for (const [scope, grant] of this.#grants) {
      const { credential } = grant;
      if (!credential) continue;
      const rule = rules.find(credential.rule.queue, credential.rule.name);
      if (rule === credential.rule) continue;
      changed = true;
      if (rule && [rule.primaryKey, rule.secondaryKey].includes(credential.key))
        this.#grants.set(scope, { ...grant, rights: rule.rights, credential: { ...credential, rule } });
      else this.#grants.delete(scope);
    }
    if (!changed) return;
    this.#arm();
    this.#onLost('rule-changed');
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
    if (expired) this.#onLost('expired');
  }
}

/** A queue's rule gives rights on that queue only, also when the name of another queue lies under its own. */
function covers({ credential }: Grant, scope: string, path: string): boolean {
  if (!isUnder(path, scope)) return false;
  const queue = credential?.rule.queue;
  return queue === undefined || queueOf(path)?.toLowerCase() === queue.toLowerCase();
}
