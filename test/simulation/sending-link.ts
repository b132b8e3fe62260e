import type { DeliveryState, Link, OutgoingDelivery } from '../../src/amqp/index.ts';
import { CONNECTION_LOST, type Client, type LinkUser } from './client.ts';

/** `accepted`; `refused` with the broker's reason; `lost`: nobody knows whether the broker has it. */
export type SendResult =
  { readonly kind: 'accepted' } | { readonly kind: 'refused'; readonly condition: string } | { readonly kind: 'lost' };

/** What is sent besides the message. */
export interface SendOptions {
  readonly messageFormat?: number;
  /** The transaction that the message is sent in. */
  readonly txnId?: Buffer | undefined;
}

const SEND_LIMIT_MS = 60_000;
const ACCEPTED: SendResult = { kind: 'accepted' };
const LOST: SendResult = { kind: 'lost' };

/** A link on which a client sends. */
export class SendingLink implements LinkUser {
  readonly #client: Client;
  #link: Link | undefined;
  #lastTag = 0;
  #gone: string | undefined;
  #onChange: (() => void) | undefined;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Undefined when the link could not be attached. */
  static async attach(client: Client, address: string): Promise<SendingLink | undefined> {
    const user = new SendingLink(client);
    const name = client.world.nextName(client.name);
    user.#link = client.attach({ name, role: 'sender', source: { address: name }, target: { address } }, user);
    await client.world.within(SEND_LIMIT_MS, `${name} attaches`, user.#credit());
    return user.#gone === undefined ? user : undefined;
  }

  get lost(): boolean {
    return this.#gone !== undefined;
  }

  get credit(): number {
    return this.#link?.credit ?? 0;
  }

  /** Sends at once; there must be credit. In a transaction `accepted` means that it waits for the commit. */
  send(payload: Buffer, { messageFormat = 0, txnId }: SendOptions = {}): Promise<SendResult> {
    const link = this.#link;
    if (this.#gone !== undefined || !link) return Promise.resolve(LOST);
    const tag = Buffer.alloc(4);
    tag.writeUInt32BE(++this.#lastTag);
    const answer = new Promise<SendResult>((resolve) => {
      this.#answers.add(resolve);
      const state: DeliveryState | undefined = txnId && { kind: 'transactional', txnId, outcome: undefined };
      const message = { tag, payload: [payload], messageFormat, settled: false, context: resolve };
      link.send(state ? { ...message, state } : message);
    });
    return this.#client.world.within(SEND_LIMIT_MS, `${link.name} sends`, answer);
  }

  readonly #answers = new Set<(result: SendResult) => void>();

  onFlow(): void {
    this.#onChange?.();
  }

  onDisposition(delivery: OutgoingDelivery, state: DeliveryState | undefined): void {
    const answer = delivery.context as (result: SendResult) => void;
    this.#answers.delete(answer);
    const inTransaction = state?.kind === 'transactional' && state.outcome?.kind === 'accepted';
    if (state?.kind === 'accepted' || inTransaction) answer(ACCEPTED);
    else if (state?.kind === 'rejected') answer({ kind: 'refused', condition: state.error?.condition ?? 'rejected' });
    else this.#client.world.violate(`${this.#client.name}: a message was answered with ${state?.kind}`);
  }

  onGone(condition: string): void {
    this.#gone = condition;
    if (condition !== CONNECTION_LOST) this.#client.world.trace(this.#client.name, `loses its sender: ${condition}`);
    for (const answer of this.#answers) answer(LOST);
    this.#answers.clear();
    this.#onChange?.();
  }

  #credit(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#gone !== undefined) resolve();
      this.#onChange = () => {
        if (this.#gone !== undefined || this.credit > 0) resolve();
      };
    });
  }
}
