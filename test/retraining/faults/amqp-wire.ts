import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { RunningServer } from '../../../src/server/index.ts';

/** Descriptors of performatives (amqp-core-transport-v1.0 §2.7). */
export const PERFORMATIVE = { transfer: 0x14, disposition: 0x15 } as const;

const HEADER = Buffer.from('AMQP');
const HEADER_BYTES = 8;

/** One frame, or one protocol header, on its way. */
export interface WireFrame {
  readonly from: 'client' | 'broker';
  readonly bytes: Buffer;
}

/**
 * What becomes of a frame: it goes on; it is lost; the connections break before it arrives, or after it has arrived, so that
 * its sender does not learn of it; another one goes in its place.
 */
export type Fate = 'pass' | 'drop' | 'cut-before' | 'cut-after' | Buffer;

/**
 * A wire between client and broker that knows where frames begin and end: a test can break it at the very frame that it wants.
 * Cut, connections break and new ones are refused; frozen, they stay open and nothing moves, which neither side can see.
 */
export class AmqpWire {
  readonly connectionString: string;
  /** Asked about every frame. */
  onFrame: (frame: WireFrame) => Fate = () => 'pass';
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cut = false;
  /** A last frame is on its way, and nothing after it. */
  #cutting = false;
  #frozen: (() => void)[] | undefined;

  private constructor(server: Server, connectionString: string) {
    this.#server = server;
    this.connectionString = connectionString;
  }

  static async open(
    t: Pick<TestContext, 'after'>,
    { connectionString, amqpPort }: Pick<RunningServer, 'connectionString' | 'amqpPort'>,
  ): Promise<AmqpWire> {
    const server = createServer((client) => wire.#join(client, amqpPort));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const wire = new AmqpWire(server, connectionString.replace(`:${amqpPort}`, `:${port}`));
    t.after(() => wire.close());
    return wire;
  }

  cut(): void {
    this.#cut = true;
    this.#cutting = false;
    this.#frozen &&= [];
    for (const socket of this.#sockets) socket.destroy();
  }

  /** After `cut`: connections are taken again. After `freeze`: what was held goes on. */
  mend(): void {
    this.#cut = false;
    const held = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const send of held) send();
  }

  freeze(): void {
    this.#frozen ??= [];
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, brokerPort: number): void {
    if (this.#cut) {
      client.destroy();
      return;
    }
    const broker = connect(brokerPort, '127.0.0.1');
    this.#carry('client', client, broker);
    this.#carry('broker', broker, client);
  }

  #carry(from: WireFrame['from'], source: Socket, target: Socket): void {
    this.#sockets.add(source);
    source.setNoDelay(true);
    source.on('error', () => undefined);
    source.on('close', () => {
      this.#sockets.delete(source);
      target.destroy();
    });
    let rest: Buffer = Buffer.alloc(0);
    source.on('data', (chunk: Buffer) => {
      const { frames, left } = framesOf(rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk);
      rest = left;
      for (const bytes of frames) this.#pass({ from, bytes }, target);
    });
  }

  #pass(frame: WireFrame, target: Socket): void {
    if (this.#frozen) {
      this.#frozen.push(() => this.#pass(frame, target));
      return;
    }
    if (this.#cut || this.#cutting) return;
    const fate = this.onFrame(frame);
    if (fate === 'drop') return;
    if (fate === 'cut-before') this.cut();
    else if (fate === 'cut-after') {
      this.#cutting = true;
      target.write(frame.bytes, () => this.cut());
    } else target.write(fate === 'pass' ? frame.bytes : fate);
  }
}

function framesOf(bytes: Buffer): { frames: Buffer[]; left: Buffer } {
  const frames: Buffer[] = [];
  let at = 0;
  while (bytes.length - at >= HEADER_BYTES) {
    const isHeader = bytes.subarray(at, at + HEADER.length).equals(HEADER);
    const size = isHeader ? HEADER_BYTES : bytes.readUInt32BE(at);
    if (bytes.length - at < size) break;
    frames.push(bytes.subarray(at, at + size));
    at += size;
  }
  return { frames, left: bytes.subarray(at) };
}

/** Whether a frame carries this performative. */
export function carries({ bytes }: WireFrame, performative: number): boolean {
  const at = (bytes[4] ?? 0) * 4;
  return bytes[at] === 0x00 && bytes[at + 1] === 0x53 && bytes[at + 2] === performative;
}

/** Whether a frame of the client asks the broker's management node for this operation, such as `renew-session-lock`. */
export function asksFor({ from, bytes }: WireFrame, operation: string): boolean {
  return from === 'client' && bytes.includes(`com.microsoft:${operation}`);
}

/** The request with an operation that no broker knows in its place: it is answered, with a refusal. */
export function refused({ bytes }: WireFrame, operation: string): Buffer {
  const changed = Buffer.from(bytes);
  const name = `com.microsoft:${operation}`;
  changed.write('x'.repeat(operation.length), changed.indexOf(name) + name.length - operation.length);
  return changed;
}
