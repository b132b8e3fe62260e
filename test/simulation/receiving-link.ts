import {
  AmqpTyped,
  RECEIVER_SETTLE_MODE,
  SENDER_SETTLE_MODE,
  type AmqpValue,
  type DeliveryState,
  type IncomingDelivery,
  type Link,
} from '../../src/amqp/index.ts';
import { MAX_LATENCY_MS } from './pipe.ts';
import { CONNECTION_LOST, type Client, type LinkUser } from './client.ts';

/** What the broker said to a settlement: `done`; `refused` with its reason; `lost`: nobody knows. */
export type SettleResult =
  { readonly kind: 'done' } | { readonly kind: 'refused'; readonly condition: string } | { readonly kind: 'lost' };

export interface ReceiveOptions {
  readonly address: string;
  readonly mode: 'peek-lock' | 'receive-and-delete';
  /** Asks for a session: this one, or, when null, the next that is free. Absent: no session. */
  readonly sessionId?: string | null;
  /** How long to wait for a free session. */
  readonly waitMs?: number;
  /** Told of each message when it comes, before anybody waits for it. */
  readonly onMessage: (delivery: IncomingDelivery) => void;
}

const ATTACH_LIMIT_MS = 30_000;
const SETTLE_LIMIT_MS = 60_000;
/** By then whatever was on its way has come, a message of several frames and a small window included. */
const QUIET_AFTER_MS = 6 * MAX_LATENCY_MS;
const SESSION_FILTER = 'com.microsoft:session-filter';

/** A link on which a client receives. */
export class ReceivingLink implements LinkUser {
  /** Why the link is gone. */
  gone: string | undefined;
  /** Messages that the broker may have sent without our having them: what was granted when the link went, and one in pieces. */
  lostMessages = 0;
  readonly #client: Client;
  readonly #onMessage: (delivery: IncomingDelivery) => void;
  readonly #waiting: IncomingDelivery[] = [];
  readonly #answers = new Map<IncomingDelivery, { state: DeliveryState; resolve: (result: SettleResult) => void }>();
  #link: Link | undefined;
  #onChange: (() => void) | undefined;
  /** Nothing may come before there is credit again. */
  #quiet = false;
  /** Messages that the broker may have taken for credit that was lowered since; those wait, or go back, when it is drained. */
  #mayWait = 0;

  private constructor(client: Client, options: ReceiveOptions) {
    this.#client = client;
    this.#onMessage = options.onMessage;
  }

  /** A link that could not be attached is `gone`, and says why. */
  static async attach(client: Client, options: ReceiveOptions): Promise<ReceivingLink> {
    const name = client.world.nextName(client.name);
    const receiving = new ReceivingLink(client, options);
    const { address, mode, sessionId, waitMs = 0 } = options;
    const filter = sessionId === undefined ? undefined : new Map<string, AmqpValue>([[SESSION_FILTER, sessionId]]);
    let attached: () => void = () => undefined;
    const answer = new Promise<void>((resolve) => (attached = resolve));
    receiving.#onChange = attached;
    receiving.#link = client.attach(
      {
        name,
        role: 'receiver',
        source: { address, filter },
        target: { address: name },
        sndSettleMode: mode === 'receive-and-delete' ? SENDER_SETTLE_MODE.settled : SENDER_SETTLE_MODE.unsettled,
        rcvSettleMode: mode === 'receive-and-delete' ? RECEIVER_SETTLE_MODE.first : RECEIVER_SETTLE_MODE.second,
        properties: new Map([['com.microsoft:timeout', new AmqpTyped('uint', waitMs)]]),
      },
      receiving,
    );
    await client.world.within(waitMs + ATTACH_LIMIT_MS, `${name} attaches`, answer);
    receiving.#onChange = undefined;
    return receiving;
  }

  /** The session that was granted. */
  get sessionId(): string {
    return this.#link?.remoteAttach?.source?.filter?.get(SESSION_FILTER) as string;
  }

  get name(): string {
    return this.#link?.name ?? '';
  }

  addCredit(count: number): void {
    this.#setCredit(this.credit + count);
  }

  /** Takes back credit that was given. */
  lowerCredit(count: number): void {
    if (count >= this.credit) return;
    this.#mayWait = Math.max(this.#mayWait, this.credit);
    this.#setCredit(count);
  }

  /** Takes back all credit, and waits until the broker must have seen it. */
  async takeCreditBack(): Promise<void> {
    this.lowerCredit(0);
    await this.#client.world.sleep(QUIET_AFTER_MS);
    if (this.credit === 0) this.#quiet = true;
  }

  #setCredit(count: number): void {
    if (this.gone !== undefined) return;
    this.#link?.setCredit(count);
    if (count > 0) this.#quiet = false;
  }

  get credit(): number {
    return this.gone === undefined ? (this.#link?.credit ?? 0) : 0;
  }

  /** The next message, or undefined when none came in time or the link is gone. */
  async next(waitMs: number): Promise<IncomingDelivery | undefined> {
    if (this.#waiting.length === 0 && this.gone === undefined) {
      await new Promise<void>((resolve) => {
        const cancel = this.#client.world.after(waitMs, resolve);
        this.#onChange = () => {
          cancel();
          resolve();
        };
      });
      this.#onChange = undefined;
    }
    return this.#waiting.shift();
  }

  /** States an outcome and waits for the broker's answer. In a transaction `done` means that it waits for the commit. */
  settle(delivery: IncomingDelivery, outcome: DeliveryState, txnId?: Buffer): Promise<SettleResult> {
    if (this.gone !== undefined) return Promise.resolve({ kind: 'lost' });
    const state: DeliveryState = txnId ? { kind: 'transactional', txnId, outcome } : outcome;
    const answer = new Promise<SettleResult>((resolve) => this.#answers.set(delivery, { state, resolve }));
    this.#link?.dispose(delivery, state);
    return this.#client.world.within(SETTLE_LIMIT_MS, `${this.name} settles`, answer);
  }

  /** Takes back the credit; what is on its way still comes. Resolves when the broker has answered, or the link is gone. */
  async drain(): Promise<void> {
    if (this.gone !== undefined || !this.#link) return;
    const drained = new Promise<void>((resolve) => (this.#onDrained = resolve));
    this.#link.drainCredit();
    await this.#client.world.within(SETTLE_LIMIT_MS, `${this.name} drains`, drained);
  }

  #onDrained: (() => void) | undefined;

  onDrained(): void {
    this.#quiet = true;
    this.#onDrained?.();
  }

  async detach(): Promise<void> {
    if (this.gone !== undefined) return;
    const detached = new Promise<void>((resolve) => (this.#onChange = resolve));
    this.#link?.detach();
    await this.#client.world.within(SETTLE_LIMIT_MS, `${this.name} detaches`, detached);
  }

  onAttached(): void {
    this.#onChange?.();
  }

  onTransfer(delivery: IncomingDelivery): void {
    if (this.#mayWait > 0) this.#mayWait--;
    if (this.#quiet) this.#client.world.violate(`${this.name}: a message came although all credit had been taken back`);
    this.#onMessage(delivery);
    this.#waiting.push(delivery);
    this.#onChange?.();
  }

  onSettled(delivery: IncomingDelivery, state: DeliveryState | undefined): void {
    const asked = this.#answers.get(delivery);
    this.#answers.delete(delivery);
    if (!asked) this.#client.world.violate(`${this.name}: the broker settled what nobody had settled`);
    else if (state?.kind === 'rejected' && state.error)
      asked.resolve({ kind: 'refused', condition: state.error.condition });
    else if (state?.kind === asked.state.kind) asked.resolve({ kind: 'done' });
    else this.#client.world.violate(`${this.name}: ${asked.state.kind} was answered with ${state?.kind}`);
  }

  onGone(condition: string): void {
    this.lostMessages = Math.max(this.#mayWait, this.#link?.credit ?? 0) + (condition === CONNECTION_LOST ? 1 : 0);
    this.gone = condition;
    for (const { resolve } of this.#answers.values()) resolve({ kind: 'lost' });
    this.#answers.clear();
    this.#onChange?.();
    this.#onDrained?.();
  }
}
