import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { pause } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { CANCEL_TYPE, readModelEvent } from '../envelope.ts';
import type { CancelEvent } from '../envelope.ts';
import { isLockLost, messageOf } from './session-errors.ts';
import type { SessionLease } from './session-lease.ts';
import type { WorkerLog } from './worker-log.ts';

type SequenceNumber = NonNullable<ServiceBusReceivedMessage['sequenceNumber']>;

/** The longest pause between two renewals, whatever the lock's duration: this machine's clock may overstate that. */
const RENEWAL_MAX_MS = 30_000;
/** How often the link is looked at: the client tells nobody when it is gone. */
const LOOK_MS = 1000;
/** Messages peeked at once, and pages looked at per renewal. */
const PEEK_PAGE = 100;
const PEEK_PAGES_MAX = 10;

export interface LockKeeperOptions {
  readonly lease: SessionLease;
  readonly clock: Clock;
  readonly log: WorkerLog;
  /** Called for every control event that was peeked; once for each. */
  readonly onCancel: (event: CancelEvent) => void;
}

/**
 * Keeps a session's lock: renews it at a third of its duration, tries again until it expires, and has the session accepted
 * again when its link is gone. With every renewal it peeks for control events, so that a cancel takes effect while a trainer
 * runs. It never writes the ledger (accepting the session again does). The client's own renewal is off: it gives up after one
 * failed try and tells nobody.
 */
export class LockKeeper {
  /** Resolves when the keeper does nothing any more. It never rejects. */
  readonly stopped: Promise<void>;
  readonly #options: LockKeeperOptions;
  readonly #stopping = new AbortController();
  #peekFrom: SequenceNumber | undefined;

  constructor(options: LockKeeperOptions) {
    this.#options = options;
    this.stopped = this.#keep();
  }

  /** Messages up to this one were received, and are not peeked. */
  watchAfter(sequence: SequenceNumber): void {
    if (!this.#peekFrom || this.#peekFrom.lessThanOrEqual(sequence)) this.#peekFrom = sequence.add(1);
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #keep(): Promise<void> {
    const { lease, clock } = this.#options;
    const intervalMs = Math.min(RENEWAL_MAX_MS, lease.lockDurationMs / 3);
    let renewAtMs = clock.monotonicMs() + intervalMs;
    while (!this.#stopping.signal.aborted && !lease.lost.aborted) {
      const leftMs = renewAtMs - clock.monotonicMs();
      await pause(clock, Math.max(0, Math.min(LOOK_MS, leftMs)), this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
      const due = clock.monotonicMs() >= renewAtMs;
      if (!due && !lease.isLinkLost) continue;
      const renewed = lease.isLinkLost ? await this.#recover('the link was closed') : await this.#renew();
      // A failed renewal is tried again soon: a tenth of the lock's duration leaves several tries until it expires.
      renewAtMs = clock.monotonicMs() + (renewed ? intervalMs : Math.min(LOOK_MS, lease.lockDurationMs / 10));
    }
  }

  async #renew(): Promise<boolean> {
    const { lease, log } = this.#options;
    const { generation } = lease;
    try {
      await lease.renew();
    } catch (error) {
      // Meanwhile somebody else had the session accepted again.
      if (generation !== lease.generation) return true;
      log({ fact: 'renewal-failed', model: lease.model, reason: messageOf(error), leftMs: Math.round(lease.leftMs) });
      if (lease.leftMs <= 0 || lease.isLinkLost || isLockLost(error)) return this.#recover(messageOf(error));
      return false;
    }
    await this.#peek().catch(() => undefined);
    return true;
  }

  async #recover(reason: string): Promise<boolean> {
    try {
      await this.#options.lease.recover(reason);
      return true;
    } catch {
      // The lease has told why, and its `lost` signal ends the loop.
      return false;
    }
  }

  async #peek(): Promise<void> {
    const { lease, onCancel } = this.#options;
    for (let page = 0; page < PEEK_PAGES_MAX && this.#peekFrom; page++) {
      const peeked = await lease.peek(PEEK_PAGE, this.#peekFrom);
      for (const message of peeked) {
        if (message.sequenceNumber) this.watchAfter(message.sequenceNumber);
        if (message.subject !== CANCEL_TYPE) continue;
        const read = readModelEvent(message);
        if (read.kind === 'cancel') onCancel(read.event);
      }
      if (peeked.length < PEEK_PAGE) return;
    }
  }
}
