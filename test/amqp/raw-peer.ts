import assert from 'node:assert/strict';
import { readDescriptor, readFields, writeComposite } from '../../src/amqp/composite-codec.ts';
import * as tables from '../../src/amqp/composites.ts';
import type { AmqpError, Composite, Decoded, Encodable } from '../../src/amqp/composites.ts';
import { Reader } from '../../src/amqp/decoder.ts';
import { FRAME_TYPE, FrameReader } from '../../src/amqp/frame-reader.ts';
import { Connection, Writer, type ConnectionHandler, type ConnectionOptions } from '../../src/amqp/index.ts';
import { Output } from '../../src/amqp/output.ts';

export const AMQP_HEADER = Buffer.from('AMQP\0\x01\0\0', 'latin1');
export const SASL_HEADER = Buffer.from('AMQP\x03\x01\0\0', 'latin1');

const NAMES = new Map<number, string>(
  Object.values(tables)
    .filter((entry) => 'fields' in entry)
    .map(({ code, symbol }) => [code, symbol.slice('amqp:'.length, -':list'.length)]),
);

/** A frame as it came out of the engine. */
export interface Frame {
  readonly channel: number;
  readonly name: string;
  /** The encoded performative and what follows it. */
  readonly body: Buffer;
}

export function encodeComposite<C extends Composite>(composite: C, value: Encodable<C>): Buffer {
  const writer = new Writer(256);
  writeComposite(writer, composite, value);
  return writer.take();
}

/** The bytes of one frame. */
export function frameBytes(channel: number, body: Buffer, type: number = FRAME_TYPE.amqp): Buffer {
  const output = new Output();
  output.frame(type, channel, body);
  return Buffer.concat(output.take());
}

/** A handler that notes every call in `events` and does nothing else; `own` calls come on top. */
export function recording(events: string[], own: Partial<ConnectionHandler> = {}): ConnectionHandler {
  const note = (event: string): void => {
    events.push(event);
  };
  const base: ConnectionHandler = {
    onOpen: (open) => note(`open ${open.containerId}`),
    onBegin: (session) => note(`begin ${session.localChannel}`),
    onAttach: (link) => note(`attach ${link.role} ${link.name}`),
    onFlow: (link) => note(`flow ${link.name} credit=${link.credit} drain=${link.drain}`),
    onTransfer: (link, delivery) =>
      note(
        `transfer ${link.name} ${delivery.id} ${delivery.oversize ? 'oversize' : `${delivery.payload.length} bytes`}`,
      ),
    onDisposition: (link, delivery, state, settled) =>
      note(`disposition ${link.name} ${delivery.id} ${state?.kind} settled=${settled}`),
    onSettled: (link, delivery, state, settled) =>
      note(`settled ${link.name} ${delivery.id} ${state?.kind} settled=${settled}`),
    onDrained: (link) => note(`drained ${link.name}`),
    onDetach: (link, detach) => note(`detach ${link.name} ${detach.error?.condition ?? 'no error'}`),
    onEnd: (_session, error) => note(`end ${error?.condition ?? 'no error'}`),
    onClose: (error) => note(`close ${error?.condition ?? 'no error'}`),
    onOutput: () => {},
    onFault: (cause) => note(`fault ${String(cause)}`),
  };
  const merged: Record<string, unknown> = { ...base };
  for (const [name, call] of Object.entries(own)) {
    const before = merged[name] as ((...args: unknown[]) => void) | undefined;
    merged[name] = (...args: unknown[]): void => {
      before?.(...args);
      (call as (...args: unknown[]) => void)(...args);
    };
  }
  return merged as unknown as ConnectionHandler;
}

/** The other side of a server-role connection, in the hand of the test: it sends whatever the test says, right or wrong. */
export class RawPeer {
  readonly events: string[] = [];
  readonly connection: Connection;
  nowMs = 0;
  readonly #frames = new FrameReader(1_000_000);
  #headerBytes = 8;

  constructor(options: Partial<ConnectionOptions> = {}, own: Partial<ConnectionHandler> = {}) {
    this.connection = new Connection(
      { role: 'server', containerId: 'engine', sasl: undefined, ...options },
      recording(this.events, own),
    );
    this.connection.start(0);
  }

  /** Sends bytes as they are. */
  bytes(...bytes: Buffer[]): void {
    for (const part of bytes) this.connection.receive(part, this.nowMs);
  }

  /** Sends a performative, and a payload behind it. */
  send<C extends Composite>(channel: number, composite: C, value: Encodable<C>, payload = Buffer.alloc(0)): void {
    this.bytes(frameBytes(channel, Buffer.concat([encodeComposite(composite, value), payload])));
  }

  /** The frames that the engine has sent since the last call. */
  frames(): Frame[] {
    const frames: Frame[] = [];
    let bytes = Buffer.concat(this.connection.takeOutput());
    const header = Math.min(this.#headerBytes, bytes.length);
    this.#headerBytes -= header;
    bytes = bytes.subarray(header);
    this.#frames.push(bytes);
    while (this.#frames.next()) {
      const body = this.#frames.buffer.subarray(this.#frames.bodyStart, this.#frames.bodyEnd);
      const name = body.length === 0 ? 'empty' : NAMES.get(readDescriptor(new Reader(body)));
      frames.push({ channel: this.#frames.channel, name: name ?? 'unknown', body });
    }
    return frames;
  }

  /** The names of the frames that the engine has sent since the last call. */
  names(): string[] {
    return this.frames().map(({ name }) => name);
  }

  /** The only frame that the engine has sent since the last call, which must be of this type. */
  expect<C extends Composite>(composite: C): Decoded<C> {
    const frames = this.frames();
    assert.deepEqual(
      frames.map(({ name }) => name),
      [NAMES.get(composite.code)],
    );
    return fieldsOf(composite, frames[0] as Frame);
  }

  /** Shakes hands, opens and begins a session on channel 0; its output is taken. */
  begin(open: Partial<Encodable<typeof tables.OPEN>> = {}, begin: Partial<Encodable<typeof tables.BEGIN>> = {}): this {
    this.open(open);
    this.send(0, tables.BEGIN, { nextOutgoingId: 0, incomingWindow: 1000, outgoingWindow: 1000, ...begin });
    assert.deepEqual(this.names(), ['begin']);
    return this;
  }

  open(open: Partial<Encodable<typeof tables.OPEN>> = {}): this {
    this.bytes(AMQP_HEADER);
    this.send(0, tables.OPEN, { containerId: 'peer', ...open });
    assert.deepEqual(this.names(), ['open']);
    return this;
  }

  /** Attaches as a receiver, so that the engine sends. */
  attachReceiver(own: Partial<Encodable<typeof tables.ATTACH>> = {}): void {
    this.send(0, tables.ATTACH, { name: 'r', handle: 0, role: true, source: { address: 'q' }, target: {}, ...own });
  }

  /** Attaches as a sender, so that the engine receives. */
  attachSender(own: Partial<Encodable<typeof tables.ATTACH>> = {}): void {
    this.send(0, tables.ATTACH, {
      name: 's',
      handle: 0,
      role: false,
      source: {},
      target: { address: 'q' },
      initialDeliveryCount: 0,
      ...own,
    });
  }

  /** Sends a transfer with this id, as the first or only one of its delivery. */
  transfer(deliveryId: number, own: Partial<Encodable<typeof tables.TRANSFER>> = {}, payload = Buffer.from('x')): void {
    const deliveryTag = Buffer.from([deliveryId]);
    this.send(0, tables.TRANSFER, { handle: 0, deliveryId, deliveryTag, messageFormat: 0, ...own }, payload);
  }

  /** The error of the close, end or detach that is the only frame since the last call. */
  expectError(composite: typeof tables.CLOSE | typeof tables.END | typeof tables.DETACH): AmqpError {
    const { error } = this.expect(composite);
    assert.ok(error, `${composite.symbol} carries an error`);
    return error;
  }
}

export function fieldsOf<C extends Composite>(composite: C, frame: Frame): Decoded<C> {
  const reader = new Reader(frame.body);
  assert.equal(readDescriptor(reader), composite.code);
  return readFields(reader, composite);
}

/** What follows the performative of a frame. */
export function payloadOf(composite: Composite, frame: Frame): Buffer {
  const reader = new Reader(frame.body);
  readDescriptor(reader);
  readFields(reader, composite);
  return frame.body.subarray(reader.offset);
}
