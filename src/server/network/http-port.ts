import { createServer } from 'node:http';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { CancelTimer, Clock } from '../../runtime/clock.ts';
import type { HttpApi } from '../http-routes.ts';
import { LIMITS } from '../limits.ts';
import { sayLastWords } from './last-words.ts';

/** Heads of HTTP requests in bytes. */
const MAX_HEADER_BYTES = 16 * 1024;

const TOO_MANY = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

/** Headers of an offer to change the protocol, which a server may pass over (RFC 9110, section 7.8). */
const OFFER = new Set(['upgrade', 'connection', 'http2-settings']);

/** Takes over a connection that becomes a WebSocket; `head` are the bytes that follow the request. */
export type UpgradeHandler = (request: IncomingMessage, socket: Socket, head: Buffer) => void;

/**
 * The HTTP side of the ports: takes sockets whose client speaks HTTP. A client has `LIMITS.httpRequestMs` for a whole request,
 * counted from when it could begin it, and `LIMITS.httpAnswerMs` to take the answer.
 */
export class HttpPort {
  readonly #http: HttpServer;
  readonly #clock: Clock;
  readonly #onUpgrade: UpgradeHandler;
  readonly #deadlines = new Map<Socket, HttpDeadline>();

  constructor(options: { readonly api: HttpApi; readonly clock: Clock; readonly onUpgrade: UpgradeHandler }) {
    this.#clock = options.clock;
    this.#onUpgrade = options.onUpgrade;
    this.#http = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
      this.#deadlines.get(request.socket)?.watch(request, response);
      options.api.handle(request, response);
    });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head));
  }

  /** Serves the client of `socket`, which has said `bytes` so far. */
  take(socket: Socket, bytes: Buffer): void {
    if (this.#deadlines.size >= LIMITS.httpConnections) return sayLastWords(socket, this.#clock, TOO_MANY);
    this.#deadlines.set(socket, new HttpDeadline(socket, this.#clock));
    socket.once('close', () => this.#release(socket));
    this.#serve(socket, bytes);
  }

  #serve(socket: Socket, bytes: Buffer): void {
    socket.pause();
    socket.unshift(bytes);
    this.#http.emit('connection', socket);
    socket.resume();
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (request.headers.upgrade?.toLowerCase() === 'websocket') {
      this.#release(socket);
      return this.#onUpgrade(request, socket, head);
    }
    // Other offers, such as the one of HTTP/2, are passed over; Node has no way to go on but to read the request again.
    let text = `${request.method ?? 'GET'} ${request.url ?? '/'} HTTP/${request.httpVersion}\r\n`;
    for (let index = 0; index < request.rawHeaders.length; index += 2) {
      const name = request.rawHeaders[index] ?? '';
      if (!OFFER.has(name.toLowerCase())) text += `${name}: ${request.rawHeaders[index + 1] ?? ''}\r\n`;
    }
    this.#serve(socket, Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]));
  }

  #release(socket: Socket): void {
    this.#deadlines.get(socket)?.cancel();
    this.#deadlines.delete(socket);
  }
}

/** Ends a connection whose client is too slow. */
class HttpDeadline {
  readonly #socket: Socket;
  readonly #clock: Clock;
  #answering = 0;
  #cancel: CancelTimer;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#cancel = this.#after(LIMITS.httpRequestMs);
  }

  watch(request: IncomingMessage, response: ServerResponse): void {
    this.#answering++;
    request.once('end', () => this.#restart(LIMITS.httpAnswerMs));
    response.once('close', () => {
      this.#answering--;
      if (this.#answering === 0) this.#restart(LIMITS.httpRequestMs);
    });
  }

  cancel(): void {
    this.#cancel();
  }

  #restart(ms: number): void {
    this.#cancel();
    if (!this.#socket.destroyed) this.#cancel = this.#after(ms);
  }

  #after(ms: number): CancelTimer {
    return this.#clock.after(ms, () => this.#socket.destroy());
  }
}
