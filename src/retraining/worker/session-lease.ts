import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { RetrainError } from '../../errors.ts';
import { pause } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { advance, emptyLedger } from './ledger.ts';
import type { LedgerEvent } from './ledger.ts';
import { decodeLedger, encodeLedger } from './ledger-codec.ts';
import type { Ledger, Owner, Run } from './ledger-record.ts';
import { SessionRenewed, Unanswered, isLockLost, isPassing, messageOf } from './session-errors.ts';
import type { SessionLink } from './session-link.ts';
import { isSameOwner } from './session-takeover.ts';
import type { WorkerLog } from './worker-log.ts';

/** Between two tries to accept the same session again, and between two tries of an operation that may pass. */
const RETRY_MS = 250;
/** The pause between two tries of an operation doubles up to this: a broker that is busy is not made busier. */
const RETRY_MAX_MS = 5000;
/** A session lock of Service Bus lasts 5 minutes at most; a clock that is set wrongly must not make more of it. */
const LOCK_DURATION_MAX_MS = 300_000;
const LOCK_DURATION_MIN_MS = 1000;
/** How long closing a link may take: its connection may be dead. */
const CLOSE_MS = 2000;
const DEFAULT_SETTLEMENT_MS = 5000;

/** Why a link is lost whose session another slot has. */
const ADOPTED = 'the broker gave the session to another link of this worker';

export interface SessionLeaseOptions {
  readonly receiver: SessionLink;
  /** Accepts this very session; rejects when another holds it. */
  readonly accept: (model: string) => Promise<SessionLink>;
  readonly me: Owner;
  /** The queue's lock duration, milliseconds; taken from the session's expiry and this machine's clock when absent. */
  readonly lockDurationMs?: number | undefined;
  /** Beyond the lock duration, how long a lost session is asked for. */
  readonly marginMs: number;
  /** How long the broker may take to answer a settlement, milliseconds. Default 5,000. */
  readonly settlementMs?: number | undefined;
  /** Aborts when the worker ends and waits no longer: then the session counts as lost, whatever is being tried. */
  readonly giveUp?: AbortSignal | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: WorkerLog;
  /** Called around every change of the ledger. */
  readonly onWrite?: ((moment: 'before' | 'after', event: LedgerEvent, ledger: Ledger) => void) | undefined;
}

/**
 * A model's session for as long as the worker has it, across links: when a link is lost (idle for ten minutes on Azure,
 * connection dropped, broker restarted), the same session is accepted again. States: held; recovering (one recovery at a time,
 * everybody waits for it); lost (for good: whatever is tried raises `LOCK_LOST`); released.
 *
 * After a recovery every operation that was under way raises `SessionRenewed`: the caller looks at the ledger and goes on
 * from its stage. Messages received over the old link can no longer be settled; they are delivered again.
 */
export class SessionLease {
  readonly model: string;
  readonly lockDurationMs: number;
  readonly #options: SessionLeaseOptions;
  readonly #lost = new AbortController();
  #receiver: SessionLink;
  #ledger: Ledger;
  #generation = 0;
  #expiresAtMs: number;
  #recovering: Promise<void> | undefined;
  /** Aborts when the present link is given up. */
  #linkGone = new AbortController();
  #offered: SessionLink | undefined;
  #released = false;
  readonly #onGiveUp = (): void => {
    const reason = `the worker ends and waits no longer for the session of ${this.model}`;
    this.#lose(new RetrainError('LOCK_LOST', reason));
  };

  constructor(options: SessionLeaseOptions) {
    const { receiver, clock } = options;
    this.#options = options;
    this.#receiver = receiver;
    this.model = receiver.sessionId;
    this.lockDurationMs = options.lockDurationMs ?? lockDurationOf(receiver, clock.wallMs());
    this.#expiresAtMs = clock.monotonicMs() + this.lockDurationMs;
    this.#ledger = emptyLedger(this.model);
    if (options.giveUp?.aborted) this.#onGiveUp();
    else options.giveUp?.addEventListener('abort', this.#onGiveUp, { once: true });
  }

  /** As of the last read or acknowledged write. */
  get ledger(): Ledger {
    return this.#ledger;
  }

  /** Counts the links: a message belongs to the link over which it came. */
  get generation(): number {
    return this.#generation;
  }

  /** Aborts when the session is lost for good; the reason is a `RetrainError` with code `LOCK_LOST`. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Milliseconds until the lock expires unless it is renewed. */
  get leftMs(): number {
    return this.#expiresAtMs - this.#options.clock.monotonicMs();
  }

  /** Whether the link is known to be gone. */
  get isLinkLost(): boolean {
    return this.#receiver.isClosed;
  }

  async readLedger(): Promise<Ledger> {
    const state: unknown = await this.operate((receiver) => receiver.getSessionState());
    this.#ledger = decodeLedger(state, this.model);
    return this.#ledger;
  }

  /** Advances the ledger and resolves when the session state holds it. */
  async write(event: LedgerEvent): Promise<void> {
    await this.operate(async (receiver) => {
      const next = advance(this.#ledger, event);
      this.#options.onWrite?.('before', event, this.#ledger);
      await receiver.setSessionState(encodeLedger(next));
      this.#ledger = next;
    });
    this.#options.onWrite?.('after', event, this.#ledger);
    this.#logStage(event);
  }

  /** Renews the lock once; raises whatever the client raises. */
  async renew(): Promise<void> {
    const sentAtMs = this.#options.clock.monotonicMs();
    const generation = this.#generation;
    await this.#receiver.renewSessionLock();
    if (generation === this.#generation) this.#expiresAtMs = sentAtMs + this.lockDurationMs;
  }

  peek(
    max: number,
    from: NonNullable<ServiceBusReceivedMessage['sequenceNumber']>,
  ): Promise<ServiceBusReceivedMessage[]> {
    return this.#receiver.peekMessages(max, { fromSequenceNumber: from });
  }

  /** Settles a message. The client itself would wait a minute for the broker's answer, for one over a dead connection, too. */
  settle(operation: (receiver: SessionLink) => Promise<unknown>): Promise<unknown> {
    return this.operate(operation, { limitMs: this.#options.settlementMs ?? DEFAULT_SETTLEMENT_MS });
  }

  /**
   * Runs an operation on the current link; tries again what may pass; recovers the session when its link is lost.
   *
   * @param limitMs after which a try counts as failed, and may pass
   */
  async operate<T>(
    operation: (receiver: SessionLink) => Promise<T>,
    { limitMs }: { limitMs?: number } = {},
  ): Promise<T> {
    const { clock, random, log } = this.#options;
    for (let tries = 1; ; tries++) {
      if (this.#recovering) await this.#renewed(this.#recovering);
      this.#check();
      const receiver = this.#receiver;
      try {
        return await this.#answered(operation(receiver), limitMs);
      } catch (error) {
        this.#check();
        if (this.#recovering || receiver !== this.#receiver) await this.#renewed(this.#recovering);
        if (receiver.isClosed || isLockLost(error) || this.leftMs <= 0)
          await this.#renewed(this.recover(messageOf(error)));
        if (!isPassing(error)) throw error;
        if (tries === 1) log({ fact: 'operation-retried', model: this.model, reason: messageOf(error) });
        await pause(clock, jittered(Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** (tries - 1)), random), this.#lost.signal);
      }
    }
  }

  /**
   * Another slot of this worker was given the session: the broker has let go of our link, even if we do not know it yet.
   * False when nobody works with this lease any more: then the link is closed, and the session has to be accepted anew.
   */
  async adopt(receiver: SessionLink): Promise<boolean> {
    if (this.#released || this.#lost.signal.aborted) {
      await this.#close(receiver);
      return false;
    }
    const older = this.#offered;
    this.#offered = receiver;
    this.recover(ADOPTED).catch(() => undefined);
    if (older) await this.#close(older);
    return true;
  }

  /** Accepts the session again; when that fails in time, or somebody else ran the model meanwhile, it is lost. */
  recover(reason: string): Promise<void> {
    // A renewal that was under way at the release finds its link closed: nobody would let go of what is accepted now.
    if (this.#released && !this.#recovering)
      return Promise.reject(new RetrainError('LOCK_LOST', `the session of ${this.model} was released`));
    this.#recovering ??= this.#recover(reason).finally(() => {
      this.#recovering = undefined;
      // A link that was offered when this recovery had another one already: it is the newer of the two.
      if (this.#offered) this.recover(ADOPTED).catch(() => undefined);
    });
    return this.#recovering;
  }

  /** Lets go of the session; messages that were not settled are delivered again. */
  async release(): Promise<void> {
    this.#released = true;
    this.#options.giveUp?.removeEventListener('abort', this.#onGiveUp);
    while (this.#recovering) await this.#recovering.catch(() => undefined);
    if (this.#offered) await this.#close(this.#offered);
    await this.#close(this.#receiver);
  }

  /** What is under way on a link that is given up is not waited for: the client may leave it open for a minute. */
  async #answered<T>(operation: Promise<T>, limitMs: number | undefined): Promise<T> {
    const gone = this.#linkGone.signal;
    let end = (): void => undefined;
    const givenUp = new Promise<never>((_, reject) => {
      const onGone = (): void => reject(new SessionRenewed());
      const onLimit = (): void => reject(new Unanswered(`the broker did not answer within ${limitMs} ms`));
      const cancel = limitMs === undefined ? undefined : this.#options.clock.after(limitMs, onLimit);
      gone.addEventListener('abort', onGone, { once: true });
      end = () => {
        cancel?.();
        gone.removeEventListener('abort', onGone);
      };
    });
    try {
      return await Promise.race([operation, givenUp]);
    } finally {
      end();
      operation.catch(() => undefined);
    }
  }

  async #renewed(recovery: Promise<void> | undefined): Promise<never> {
    await recovery;
    throw new SessionRenewed();
  }

  async #recover(reason: string): Promise<void> {
    const { log, clock, marginMs } = this.#options;
    log({ fact: 'link-lost', model: this.model, reason });
    this.#linkGone.abort();
    const deadlineMs = clock.monotonicMs() + this.lockDurationMs + marginMs;
    try {
      await this.#close(this.#receiver);
      while (!(await this.#acceptedAgain(deadlineMs)))
        await pause(clock, jittered(RETRY_MS, this.#options.random), this.#lost.signal);
    } catch (error) {
      this.#lose(error);
      const offered = this.#offered;
      this.#offered = undefined;
      if (offered) await this.#close(offered);
      throw this.#lost.signal.reason;
    }
    const { run } = this.#ledger;
    log({ fact: 'link-renewed', model: this.model, ...(run && { runId: run.runId, lease: run.lease }) });
  }

  #lose(error: unknown): void {
    if (this.#lost.signal.aborted) return;
    const { run } = this.#ledger;
    const reason = messageOf(error);
    this.#options.log({ fact: 'session-lost', model: this.model, ...(run && { runId: run.runId }), reason });
    this.#lost.abort(error);
    this.#linkGone.abort();
  }

  /** One try; false when another one makes sense, `LOCK_LOST` when none does. */
  async #acceptedAgain(deadlineMs: number): Promise<boolean> {
    const { accept, clock, me } = this.#options;
    this.#check();
    let receiver = this.#offered;
    this.#offered = undefined;
    try {
      receiver ??= await accept(this.model);
      const sinceMs = clock.monotonicMs();
      const found = decodeLedger((await receiver.getSessionState()) as unknown, this.model);
      this.#checkUntouched(found);
      const leased = found.run ? advance(found, { type: 'leased', owner: me }) : found;
      if (leased !== found) await receiver.setSessionState(encodeLedger(leased));
      this.#receiver = receiver;
      this.#linkGone = new AbortController();
      this.#generation++;
      this.#expiresAtMs = sinceMs + this.lockDurationMs;
      this.#ledger = leased;
      return true;
    } catch (error) {
      if (receiver) await this.#close(receiver);
      if (error instanceof RetrainError) throw error;
      if (!this.#released && clock.monotonicMs() < deadlineMs) return false;
      throw new RetrainError(
        'LOCK_LOST',
        `the session of ${this.model} could not be accepted again within the lock duration and a margin: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** The ledger is the witness: with our run and epoch in it, or no run where none was, nobody else worked on the model. */
  #checkUntouched(found: Ledger): void {
    const mine = this.#ledger.run;
    const theirs = found.run;
    const untouched = theirs
      ? isSameOwner(theirs.owner, this.#options.me) && (!mine || isSameRun(mine, theirs))
      : (!mine || mine.stage === 'told' || mine.stage === 'stopped') && found.epoch === this.#ledger.epoch;
    if (untouched) return;
    const who = theirs ? `run ${theirs.runId} of ${theirs.owner.host}, epoch ${theirs.epoch}` : 'nobody any more';
    throw new RetrainError(
      'LOCK_LOST',
      `the session of ${this.model} now belongs to ${who}: somebody else worked on it`,
    );
  }

  #logStage({ type }: LedgerEvent): void {
    const { run } = this.#ledger;
    if (run) this.#options.log({ fact: 'stage', model: this.model, runId: run.runId, stage: run.stage, after: type });
    else this.#options.log({ fact: 'stage', model: this.model, stage: 'none', after: type });
  }

  #check(): void {
    if (this.#lost.signal.aborted) throw this.#lost.signal.reason;
  }

  async #close(receiver: SessionLink): Promise<void> {
    const done = new AbortController();
    const closed = receiver.close().catch(() => undefined);
    await Promise.race([closed, pause(this.#options.clock, CLOSE_MS, done.signal)]);
    done.abort();
  }
}

function isSameRun(a: Run, b: Run): boolean {
  return a.runId === b.runId && a.epoch === b.epoch;
}

/** Half to one and a half times `ms`. */
export function jittered(ms: number, random: Random): number {
  return ms * (0.5 + random.fraction());
}

function lockDurationOf(receiver: SessionLink, nowMs: number): number {
  const leftMs = receiver.sessionLockedUntilUtc.getTime() - nowMs;
  return Math.min(LOCK_DURATION_MAX_MS, Math.max(LOCK_DURATION_MIN_MS, leftMs));
}
