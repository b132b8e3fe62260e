import { createHmac } from 'node:crypto';
import {
  AmqpTyped,
  Connection,
  HEADER,
  PROPERTIES,
  Writer,
  decode,
  lookup,
  plain,
  readComposite,
  scanSections,
  writeComposite,
} from '../../src/amqp/index.ts';
import type {
  AmqpDescribed,
  AmqpSymbol,
  AmqpError,
  AmqpMap,
  AmqpValue,
  Attach,
  AttachOptions,
  ClientSasl,
  ConnectionHandler,
  DeliveryState,
  Detach,
  IncomingDelivery,
  Link,
  MessageProperties,
  OutgoingDelivery,
  Session,
} from '../../src/amqp/index.ts';
import { KEY } from './world.ts';
import type { Pipe, World } from './world.ts';

/** What a client sees of one link. */
export class PeerLink {
  readonly link: Link;
  attach: Attach | undefined;
  detach: Detach | undefined;
  drained = 0;
  readonly deliveries: IncomingDelivery[] = [];
  /** States that the server gave deliveries that we sent, or in answer to our dispositions. */
  readonly outcomes: { readonly state: DeliveryState | undefined; readonly settled: boolean }[] = [];

  constructor(link: Link) {
    this.link = link;
    link.context = this;
  }

  get condition(): string | undefined {
    return this.detach?.error?.condition;
  }
}

export interface Reply {
  readonly properties: MessageProperties;
  readonly application: AmqpMap;
  readonly body: AmqpValue;
  readonly status: number;
  readonly condition: string | undefined;
}

/** A client on our own engine that shows what the server says, word for word. */
export class Peer implements ConnectionHandler {
  readonly world: World;
  readonly pipe: Pipe;
  readonly connection: Connection;
  opened = false;
  receivedBytes = 0;
  #session: Session | undefined;
  closeError: AmqpError | undefined;
  endError: AmqpError | undefined;
  closed = false;
  #flushing = false;
  #names = 0;

  private constructor(
    world: World,
    sasl: ClientSasl | undefined = { role: 'client', mechanism: 'ANONYMOUS' },
    idleTimeoutMs = 3_600_000,
  ) {
    this.world = world;
    this.pipe = world.connect();
    this.connection = new Connection(
      { role: 'client', containerId: 'test', hostname: 'localhost:5672', idleTimeoutMs, sasl },
      this,
    );
    this.pipe.open({
      onData: (chunk) => {
        this.receivedBytes += chunk.length;
        this.connection.receive(chunk, world.clock.monotonicMs());
      },
      onDrain: () => undefined,
      onClose: () => this.connection.disconnected(),
    });
    this.connection.start(world.clock.monotonicMs());
  }

  static async connect(world: World, sasl?: ClientSasl, idleTimeoutMs?: number): Promise<Peer> {
    const peer = new Peer(world, sasl, idleTimeoutMs);
    await world.settle();
    return peer;
  }

  /** Gives signs of life from now on, as every official client does. */
  keepAlive(): void {
    const nowMs = this.world.clock.monotonicMs();
    const nextMs = this.connection.tick(nowMs);
    if (nextMs !== undefined) this.world.clock.after(Math.max(1, nextMs - nowMs), () => this.keepAlive());
  }

  get session(): Session {
    if (!this.#session) throw new Error('the connection is not open');
    return this.#session;
  }

  /** A peer that has put a token for the whole namespace. */
  static async authorized(world: World, token: TokenOptions = {}): Promise<Peer> {
    const peer = await Peer.connect(world);
    const { status } = await peer.putToken(token);
    if (status !== 202) throw new Error(`put-token was answered with ${status}`);
    return peer;
  }

  async attach(options: Omit<AttachOptions, 'name'> & { name?: string }): Promise<PeerLink> {
    const peerLink = new PeerLink(this.session.attach({ name: `link-${++this.#names}`, ...options }));
    await this.world.settle();
    return peerLink;
  }

  sender(address: string): Promise<PeerLink> {
    return this.attach({ role: 'sender', target: { address } });
  }

  receiver(address: string, options: Partial<AttachOptions> = {}): Promise<PeerLink> {
    return this.attach({ role: 'receiver', source: { address }, sndSettleMode: 0, rcvSettleMode: 1, ...options });
  }

  /** Sends one encoded message; the outcome will be in `link.outcomes`. */
  async send(
    peerLink: PeerLink,
    payload: Buffer,
    options: { settled?: boolean; format?: number; state?: DeliveryState } = {},
  ): Promise<void> {
    const tag = Buffer.alloc(4);
    tag.writeUInt32BE(++this.#names);
    const { settled = false, format = 0, state } = options;
    const message = { tag, payload: [payload], settled, messageFormat: format };
    peerLink.link.send(state ? { ...message, state } : message);
    await this.world.settle();
  }

  async grant(peerLink: PeerLink, credit: number): Promise<IncomingDelivery[]> {
    peerLink.link.setCredit(credit);
    await this.world.settle();
    return peerLink.deliveries;
  }

  async dispose(
    peerLink: PeerLink,
    delivery: IncomingDelivery,
    state: DeliveryState,
  ): Promise<DeliveryState | undefined> {
    peerLink.link.dispose(delivery, state);
    await this.world.settle();
    return peerLink.outcomes.at(-1)?.state;
  }

  /** One request to a node, on links of its own. */
  async request(
    node: string,
    application: AmqpMap,
    body: AmqpValue,
    { messageId = 'id', state }: { messageId?: AmqpValue; state?: DeliveryState } = {},
  ): Promise<Reply> {
    const replyTo = `reply-${++this.#names}`;
    const receiver = await this.attach({
      role: 'receiver',
      source: { address: node },
      target: { address: replyTo },
    });
    const sender = await this.sender(node);
    if (sender.detach) throw new Error(`the request link was refused: ${sender.condition}`);
    receiver.link.setCredit(1);
    await this.send(sender, requestOf({ application, body, messageId, replyTo }), state ? { state } : {});
    const [delivery] = receiver.deliveries;
    if (!delivery) throw new Error(`no reply came; the request was ${JSON.stringify(sender.outcomes)}`);
    receiver.link.settle(delivery, { kind: 'accepted' });
    sender.link.detach();
    receiver.link.detach();
    await this.world.settle();
    return readReply(delivery.payload);
  }

  manage(
    entity: string,
    operation: string,
    body: AmqpMap,
    properties: [string, string][] = [],
    options: { state?: DeliveryState } = {},
  ): Promise<Reply> {
    const application = new Map([['operation', `com.microsoft:${operation}`], ...properties]);
    return this.request(`${entity}/$management`, application, body, options);
  }

  putToken(options: TokenOptions = {}): Promise<Reply> {
    const { audience = 'sb://localhost/', type = 'servicebus.windows.net:sastoken' } = options;
    const application = new Map([
      ['operation', options.operation ?? 'put-token'],
      ['type', type],
      ['name', audience],
    ]);
    return this.request('$cbs', application, options.token ?? sasToken(this.world, options));
  }

  onOpen(): void {
    this.opened = true;
    this.#session = this.connection.openSession();
  }

  onBegin(): void {}

  onAttach(link: Link, attach: Attach): void {
    (link.context as PeerLink).attach = attach;
  }

  onFlow(): void {}

  onTransfer(link: Link, delivery: IncomingDelivery): void {
    (link.context as PeerLink).deliveries.push(delivery);
  }

  onDisposition(link: Link, _delivery: OutgoingDelivery, state: DeliveryState | undefined, settled: boolean): void {
    (link.context as PeerLink).outcomes.push({ state, settled });
  }

  onSettled(link: Link, _delivery: IncomingDelivery, state: DeliveryState | undefined, settled: boolean): void {
    (link.context as PeerLink).outcomes.push({ state, settled });
  }

  onDrained(link: Link): void {
    (link.context as PeerLink).drained++;
  }

  onDetach(link: Link, detach: Detach): void {
    (link.context as PeerLink).detach = detach;
  }

  onEnd(_session: Session, error?: AmqpError): void {
    this.endError = error;
  }

  onClose(error?: AmqpError): void {
    this.closed = true;
    this.closeError = error;
  }

  onFault(fault: unknown): void {
    this.world.faults.push(fault);
  }

  onOutput(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.world.clock.soon(() => {
      this.#flushing = false;
      this.pipe.write(this.connection.takeOutput());
    });
  }
}

export interface TokenOptions {
  readonly audience?: string;
  readonly rule?: string;
  readonly key?: string;
  readonly lifetimeMs?: number;
  readonly type?: string;
  readonly operation?: string;
  readonly token?: string;
}

export function sasToken(world: World, options: TokenOptions): string {
  const {
    audience = 'sb://localhost/',
    rule = 'RootManageSharedAccessKey',
    key = KEY,
    lifetimeMs = 3_600_000,
  } = options;
  const sr = encodeURIComponent(audience);
  const se = Math.floor((world.clock.wallMs() + lifetimeMs) / 1000);
  const sig = encodeURIComponent(createHmac('sha256', key).update(`${sr}\n${se}`).digest('base64'));
  return `SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}&skn=${rule}`;
}

export function requestOf(request: {
  application: AmqpMap;
  body: AmqpValue;
  messageId: AmqpValue;
  replyTo: string | undefined;
}): Buffer {
  const writer = new Writer();
  writeComposite(writer, PROPERTIES, { messageId: request.messageId, replyTo: request.replyTo });
  writer.writeDescriptor(0x74);
  writer.writeMap(request.application);
  writer.writeDescriptor(0x77);
  writer.writeValue(request.body);
  return writer.take();
}

export function readReply(payload: Buffer): Reply {
  const sections = scanSections(payload);
  const application = valueAt(payload, sections.applicationPropertiesStart) as AmqpMap;
  const status = lookup(application, 'statusCode');
  if (!(status instanceof AmqpTyped) || status.type !== 'int') throw new Error('statusCode must be an int');
  const condition = plain(lookup(application, 'errorCondition'));
  return {
    properties: readComposite(PROPERTIES, payload, sections.propertiesStart).value,
    application,
    body: valueAt(payload, sections.bodyStart),
    status: Number(status.value),
    condition: typeof condition === 'string' ? condition : undefined,
  };
}

function valueAt(payload: Buffer, offset: number): AmqpValue {
  return (decode(payload, offset, 'typed').value as AmqpDescribed).value;
}

/** A message with a data section and, if wanted, properties and annotations. */
export function messageOf(
  body: string | Buffer,
  options: {
    messageId?: AmqpValue;
    groupId?: string;
    /** Milliseconds. */
    ttl?: number;
    annotations?: ReadonlyMap<string, AmqpValue>;
  } = {},
): Buffer {
  const writer = new Writer();
  if (options.ttl !== undefined) writeComposite(writer, HEADER, { ttl: options.ttl });
  if (options.annotations) {
    writer.writeDescriptor(0x72);
    writer.beginMap();
    for (const [key, value] of options.annotations) {
      writer.writeSymbol(key);
      writer.writeValue(value);
    }
    writer.endMap();
  }
  if (options.messageId !== undefined || options.groupId !== undefined)
    writeComposite(writer, PROPERTIES, { messageId: options.messageId, groupId: options.groupId });
  writer.writeDescriptor(0x75);
  writer.writeBinary(Buffer.from(body));
  return writer.take();
}

/** The text of the first data section. */
export function bodyOf(delivery: IncomingDelivery): string {
  const sections = scanSections(delivery.payload);
  return (valueAt(delivery.payload, sections.bodyStart) as Buffer).toString();
}

/** Message annotations in the typed form, by name. */
export function annotationsOf(payload: Buffer): Map<string, AmqpValue> {
  const { messageAnnotationsStart } = scanSections(payload);
  const annotations = valueAt(payload, messageAnnotationsStart) as AmqpMap;
  return new Map([...annotations].map(([key, value]) => [(key as AmqpSymbol).value, value]));
}
