import type { DeliveryState, IncomingDelivery, Link, OutgoingDelivery } from '../amqp/index.ts';
import type { AccessRight } from './access-rule.ts';

/** What a link lives from: one of `rights` on `path`. When the token that gave it expires, the link is detached. */
export interface Claim {
  readonly path: string;
  readonly rights: readonly AccessRight[];
  /** What it needs besides. */
  readonly and?: Claim;
}

/**
 * What stands behind one link of a client; it lives in `link.context`. An endpoint overrides what concerns it. Names are
 * from the client's point of view: a sender endpoint serves a client that sends.
 */
export abstract class LinkEndpoint {
  readonly link: Link;
  /** Undefined when the link needs no token (`$cbs`). */
  readonly claim: Claim | undefined;
  /** False once the link is gone, by whichever side: nothing may be said on it any more. */
  open = true;
  /** Something has happened on the link since the idle rules looked. Whoever serves it sets this; they take it back. */
  used = true;
  /** Monotonic; for the idle rules, which write it. */
  idleSinceMs = 0;

  constructor(link: Link, claim: Claim | undefined) {
    this.link = link;
    this.claim = claim;
    link.context = this;
  }

  /** Credit, drain or the session's window changed. */
  onFlow(): void {}

  onTransfer(_delivery: IncomingDelivery): void {}

  onDisposition(_delivery: OutgoingDelivery, _state: DeliveryState | undefined, _settled: boolean): void {}

  /** The transport has room again after it was full. */
  onWritable(): void {}

  /** The link is gone; called once. Overrides call it. */
  close(): void {
    this.open = false;
  }
}
