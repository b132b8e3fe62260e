import {
  AmqpDescribed,
  AmqpTyped,
  Writer,
  type DeliveryState,
  type Link,
  type OutgoingDelivery,
} from '../../src/amqp/index.ts';
import type { Client, LinkUser } from './client.ts';
import type { SettleResult } from './receiving-link.ts';

const ANSWER_LIMIT_MS = 60_000;
const AMQP_VALUE = 0x77;
const DECLARE = 0x31n;
const DISCHARGE = 0x32n;

/** A link on which a client begins and ends transactions (AMQP 1.0, part 4). */
export class CoordinatorLink implements LinkUser {
  readonly #client: Client;
  readonly #answers = new Set<(state: DeliveryState | undefined) => void>();
  #link: Link | undefined;
  #gone = false;
  #lastTag = 0;
  #onChange: (() => void) | undefined;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Undefined when the link could not be attached. */
  static async attach(client: Client): Promise<CoordinatorLink | undefined> {
    const user = new CoordinatorLink(client);
    const name = client.world.nextName(client.name);
    const attached = new Promise<void>((resolve) => (user.#onChange = resolve));
    user.#link = client.attach(
      { name, role: 'sender', source: { address: name }, target: { coordinator: true, capabilities: undefined } },
      user,
    );
    await client.world.within(ANSWER_LIMIT_MS, `${name} attaches`, attached);
    return user.#gone ? undefined : user;
  }

  /** The id of a new transaction; undefined when there is none. */
  async declare(): Promise<Buffer | undefined> {
    const state = await this.#ask(DECLARE, [null]);
    if (state?.kind === 'declared') return state.txnId;
    if (state) this.#client.world.violate(`${this.#client.name}: a declare was answered with ${state.kind}`);
    return undefined;
  }

  /** Commits the transaction, or rolls it back. */
  async discharge(txnId: Buffer, { fail }: { fail: boolean }): Promise<SettleResult> {
    const state = await this.#ask(DISCHARGE, [txnId, fail]);
    if (!state) return { kind: 'lost' };
    if (state.kind === 'accepted') return { kind: 'done' };
    if (state.kind !== 'rejected' || fail)
      this.#client.world.violate(`${this.#client.name}: a discharge was answered with ${state.kind}`);
    return { kind: 'refused', condition: (state.kind === 'rejected' && state.error?.condition) || 'rejected' };
  }

  /** Whatever is open is rolled back. */
  detach(): void {
    if (!this.#gone) this.#link?.detach();
  }

  onFlow(): void {
    this.#onChange?.();
  }

  onDisposition(delivery: OutgoingDelivery, state: DeliveryState | undefined): void {
    const answer = delivery.context as (state: DeliveryState | undefined) => void;
    this.#answers.delete(answer);
    answer(state);
  }

  onGone(): void {
    this.#gone = true;
    for (const answer of this.#answers) answer(undefined);
    this.#answers.clear();
    this.#onChange?.();
  }

  /** The answer, or undefined when none came. */
  #ask(code: bigint, fields: (Buffer | boolean | null)[]): Promise<DeliveryState | undefined> {
    const link = this.#link;
    if (this.#gone || !link || link.credit === 0) return Promise.resolve(undefined);
    const writer = new Writer();
    writer.writeDescriptor(AMQP_VALUE);
    writer.writeValue(new AmqpDescribed(new AmqpTyped('ulong', code), fields));
    const tag = Buffer.alloc(8);
    tag.writeUInt32BE(++this.#lastTag);
    const answer = new Promise<DeliveryState | undefined>((resolve) => {
      this.#answers.add(resolve);
      link.send({ tag, payload: [writer.take()], settled: false, context: resolve });
    });
    return this.#client.world.within(ANSWER_LIMIT_MS, `${link.name} asks the coordinator`, answer);
  }
}
