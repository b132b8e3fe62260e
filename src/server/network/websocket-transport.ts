import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { LIMITS } from '../limits.ts';
import type { Transport, TransportListener } from '../transport.ts';

/** Close codes of RFC 6455, section 7.4.1. */
const NORMAL = 1000;
const UNSUPPORTED_DATA = 1003;

/** AMQP in the binary messages of a WebSocket. Where a message begins or ends says nothing: AMQP has frames of its own. */
export class WebSocketTransport implements Transport {
  readonly peer: string;
  readonly #websocket: WebSocket;
  readonly #socket: Socket;

  /** `socket`: what the WebSocket runs on. */
  constructor(websocket: WebSocket, socket: Socket) {
    this.#websocket = websocket;
    this.#socket = socket;
    this.peer = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    socket.setKeepAlive(true, LIMITS.tcpKeepAliveMs);
  }

  /** Begins to tell `listener`; called once. */
  open(listener: TransportListener): void {
    const websocket = this.#websocket;
    websocket.on('message', (data, isBinary) => {
      // `nodebuffer`, the usual binaryType of the library, gives each message as one buffer.
      if (isBinary) listener.onData(data as Buffer);
      else websocket.close(UNSUPPORTED_DATA, 'AMQP comes in binary messages');
    });
    this.#socket.on('drain', () => listener.onDrain());
    // What breaks the protocol is answered by the library; 'close' follows.
    websocket.on('error', () => undefined);
    websocket.on('close', () => listener.onClose());
  }

  get pendingBytes(): number {
    return this.#websocket.bufferedAmount;
  }

  write(buffers: readonly Buffer[]): void {
    const websocket = this.#websocket;
    // The peer may have begun to close it.
    if (websocket.readyState !== websocket.OPEN) return;
    const bytes = buffers.length === 1 ? (buffers[0] as Buffer) : Buffer.concat(buffers);
    this.#socket.cork();
    for (let start = 0; start < bytes.length; start += LIMITS.websocketSendBytes)
      websocket.send(bytes.subarray(start, start + LIMITS.websocketSendBytes), { binary: true });
    this.#socket.uncork();
  }

  pause(): void {
    this.#websocket.pause();
  }

  resume(): void {
    this.#websocket.resume();
  }

  end(): void {
    this.#websocket.close(NORMAL);
  }

  destroy(): void {
    this.#websocket.terminate();
  }
}
