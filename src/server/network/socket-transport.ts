import type { Socket } from 'node:net';
import { LIMITS } from '../limits.ts';
import type { Transport, TransportListener } from '../transport.ts';

/** A TCP socket as transport. */
export class SocketTransport implements Transport {
  readonly peer: string;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.peer = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    // Everything is written once per turn already: waiting for more would only add latency.
    socket.setNoDelay(true);
    // A machine that went without a word is noticed also when nothing is to be said to it.
    socket.setKeepAlive(true, LIMITS.tcpKeepAliveMs);
  }

  /** Begins to tell `listener`; called once. */
  open(listener: TransportListener): void {
    const socket = this.#socket;
    socket.on('data', (chunk) => listener.onData(chunk));
    socket.on('drain', () => listener.onDrain());
    // A reset peer is no event of its own: 'close' follows.
    socket.on('error', () => undefined);
    socket.on('close', () => listener.onClose());
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  write(buffers: readonly Buffer[]): void {
    if (buffers.length === 1) {
      this.#socket.write(buffers[0] as Buffer);
      return;
    }
    this.#socket.cork();
    for (const buffer of buffers) this.#socket.write(buffer);
    this.#socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
