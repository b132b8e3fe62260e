import {
  AmqpDescribed,
  PROPERTIES,
  Writer,
  decode,
  lookup,
  plain,
  readComposite,
  scanSections,
  writeComposite,
  type AmqpMap,
  type AmqpValue,
  type IncomingDelivery,
  type Link,
} from '../../src/amqp/index.ts';
import type { Client, LinkUser } from './client.ts';

const APPLICATION_PROPERTIES = 0x74;
const AMQP_VALUE = 0x77;
const REQUEST_LIMIT_MS = 60_000;

/** The broker's answer; `lost`: nobody knows what became of the request. */
export type Reply =
  | { readonly kind: 'ok'; readonly status: number; readonly body: AmqpMap }
  | { readonly kind: 'refused'; readonly status: number; readonly condition: string }
  | { readonly kind: 'lost' };

const LOST: Reply = { kind: 'lost' };

/** A pair of links to the `$management` node of an entity. */
export class ManagementLink {
  readonly #client: Client;
  readonly #name: string;
  readonly #requests: Link | undefined;
  readonly #waiting = new Map<string, (reply: Reply) => void>();
  #lastId = 0;
  #gone = false;
  #onCredit: (() => void) | undefined;

  private constructor(client: Client, entity: string) {
    this.#client = client;
    const address = `${entity}/$management`;
    this.#name = client.world.nextName(client.name);
    const name = this.#name;
    const gone = (): void => this.#lose();
    const replies: LinkUser = { onTransfer: (delivery) => this.#onReply(delivery), onGone: gone };
    const requests: LinkUser = { onFlow: () => this.#onCredit?.(), onGone: gone };
    const receiver = client.attach({ name, role: 'receiver', source: { address }, target: { address: name } }, replies);
    receiver?.addCredit(1000);
    this.#requests = client.attach({ name, role: 'sender', source: { address: name }, target: { address } }, requests);
  }

  /** Undefined when the links could not be attached. */
  static async attach(client: Client, entity: string): Promise<ManagementLink | undefined> {
    const management = new ManagementLink(client, entity);
    const ready = new Promise<void>((resolve) => {
      if (management.#gone) resolve();
      management.#onCredit = resolve;
    });
    await client.world.within(REQUEST_LIMIT_MS, `${management.#name} attaches`, ready);
    return management.#gone ? undefined : management;
  }

  /** `linkName`: the receiver on whose behalf it is asked. */
  request(operation: string, body: AmqpMap, linkName?: string): Promise<Reply> {
    if (this.#gone || !this.#requests) return Promise.resolve(LOST);
    const id = `r${++this.#lastId}`;
    const writer = new Writer();
    writeComposite(writer, PROPERTIES, { messageId: id, replyTo: this.#name });
    writer.writeDescriptor(APPLICATION_PROPERTIES);
    const properties = new Map<AmqpValue, AmqpValue>([['operation', `com.microsoft:${operation}`]]);
    if (linkName !== undefined) properties.set('associated-link-name', linkName);
    writer.writeMap(properties);
    writer.writeDescriptor(AMQP_VALUE);
    writer.writeMap(body);
    const reply = new Promise<Reply>((resolve) => this.#waiting.set(id, resolve));
    this.#requests.send({ tag: Buffer.from(id), payload: [writer.take()], settled: true });
    return this.#client.world.within(REQUEST_LIMIT_MS, `${this.#name} asks ${operation}`, reply);
  }

  #onReply(delivery: IncomingDelivery): void {
    const bytes = Buffer.from(delivery.payload);
    delivery.link.settle(delivery, { kind: 'accepted' });
    delivery.link.addCredit(1);
    const sections = scanSections(bytes);
    const { correlationId } = readComposite(PROPERTIES, bytes, sections.propertiesStart).value;
    const properties = valueAt(bytes, sections.applicationPropertiesStart) as AmqpMap;
    const body = valueAt(bytes, sections.bodyStart);
    const status = Number(plain(lookup(properties, 'statusCode')));
    const condition = textOf(lookup(properties, 'errorCondition'));
    const id = textOf(correlationId);
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    const map = body instanceof Map ? (body as AmqpMap) : new Map<AmqpValue, AmqpValue>();
    resolve?.(status < 300 ? { kind: 'ok', status, body: map } : { kind: 'refused', status, condition });
  }

  #lose(): void {
    this.#gone = true;
    for (const resolve of this.#waiting.values()) resolve(LOST);
    this.#waiting.clear();
    this.#onCredit?.();
  }
}

function valueAt(bytes: Buffer, start: number): AmqpValue {
  const { value } = decode(bytes, start, 'typed');
  return value instanceof AmqpDescribed ? value.value : value;
}

function textOf(value: AmqpValue | undefined): string {
  const text = plain(value);
  return typeof text === 'string' ? text : '';
}
