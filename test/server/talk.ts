import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** A client on a bare socket, which shows every byte that the other end says. */
export class Talk {
  readonly socket: Socket;
  closed = false;
  #heard: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#heard = Buffer.concat([this.#heard, chunk]);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async connect(context: TestContext, port: number): Promise<Talk> {
    const socket = connect(port, '127.0.0.1');
    context.after(() => socket.destroy());
    const talk = new Talk(socket);
    await once(socket, 'connect');
    return talk;
  }

  get heard(): Buffer {
    return this.#heard;
  }

  get text(): string {
    return this.#heard.toString('latin1');
  }

  /** Resolves when the bytes have left. */
  say(bytes: string | Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(bytes, () => resolve());
    });
  }

  /** Says each byte for itself: the other end has had a turn with each before the next one comes. */
  async spell(bytes: string | Buffer): Promise<void> {
    for (const byte of Buffer.from(bytes)) {
      await this.say(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Resolves when everything said by the other end matches. */
  async hears(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) {
      if (this.closed) throw new Error(`closed after ${JSON.stringify(this.text)}, which does not match ${pattern}`);
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')]);
    }
  }

  /** Resolves when the other end has closed. */
  async ends(): Promise<void> {
    if (!this.closed) await once(this.socket, 'close');
  }
}

/** The header with which an AMQP client begins SASL, and with which the server answers it. */
export const SASL_HEADER = Buffer.from('AMQP\x03\x01\x00\x00', 'latin1');
/** How a server begins to answer: that header, and a frame with its mechanisms. */
export const SASL_ANSWER = /^AMQP.*MSSBCBS/s;
