import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import type { Clock } from '../../runtime/clock.ts';
import type { HttpApi } from '../http-routes.ts';
import { LIMITS } from '../limits.ts';
import type { OriginRule } from '../origin-rule.ts';
import type { Server } from '../server.ts';
import { readProtocol } from './first-bytes.ts';
import type { Protocol } from './first-bytes.ts';
import { HttpPort } from './http-port.ts';
import { sayLastWords } from './last-words.ts';
import { SocketTransport } from './socket-transport.ts';
import { WebSocketUpgrade } from './websocket-upgrade.ts';

/** A fatal alert `handshake_failure`, as TLS 1.0 writes it, which clients of every version read (RFC 8446, sections 5.1 and 6). */
const HANDSHAKE_FAILURE = Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28]);

/** What speaks nothing that is spoken here is told the header that would have been right (AMQP 1.0, part 2, section 2.2). */
const SPOKEN_HERE = Buffer.from('AMQP\x03\x01\x00\x00', 'latin1');

/**
 * Behind every port: tells by its first bytes what a client speaks, and hands it to whom it is for. After a TLS handshake it looks again.
 * A client has the time for opening AMQP (`authenticationMs`) to say its first bytes, to end the handshake, and to say the
 * first bytes after it.
 */
export class Gateway {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #secureContext: () => SecureContext | undefined;
  readonly #http: HttpPort;
  readonly #sockets = new Set<Socket>();
  readonly #maxSockets: number;
  #closed = false;

  constructor(options: {
    readonly server: Server;
    readonly api: HttpApi;
    readonly clock: Clock;
    /** Certificate and key to begin TLS with; undefined: TLS is not spoken. */
    readonly secureContext: () => SecureContext | undefined;
    readonly mayConnect: OriginRule;
    readonly onFault: (fault: unknown) => void;
  }) {
    const { server, clock, api, mayConnect, onFault } = options;
    this.#server = server;
    this.#clock = clock;
    this.#secureContext = options.secureContext;
    const websockets = new WebSocketUpgrade({
      accept: (transport) => server.accept(transport),
      clock,
      mayConnect,
      onFault,
    });
    const onUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer): void =>
      websockets.take(request, socket, head);
    this.#http = new HttpPort({ api, clock, onUpgrade });
    this.#maxSockets = server.settings.maxConnections + LIMITS.refusedConnections + LIMITS.httpConnections;
  }

  /** Serves whoever is at the other end of a new connection. */
  take(socket: Socket): void {
    // What is over it is closed as soon as the kernel hands it over, so that nobody waits behind it.
    if (this.#closed || this.#sockets.size >= this.#maxSockets) return void socket.destroy();
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#read(socket, (protocol, bytes) => {
      if (protocol === 'tls') this.#secure(socket, bytes);
      else this.#serve(socket, protocol, bytes);
    });
  }

  /** Cuts off everybody who is still there. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #read(socket: Socket, onKnown: (protocol: Protocol, bytes: Buffer) => void): void {
    // A reset peer is no event of its own: 'close' follows.
    socket.on('error', () => undefined);
    readProtocol(socket, { clock: this.#clock, withinMs: this.#patienceMs, onKnown });
  }

  #secure(socket: Socket, bytes: Buffer): void {
    const secureContext = this.#secureContext();
    if (!secureContext) return sayLastWords(socket, this.#clock, HANDSHAKE_FAILURE);
    socket.pause();
    socket.unshift(bytes);
    const secured = new TLSSocket(socket, { isServer: true, secureContext });
    const cancel = this.#clock.after(this.#patienceMs, () => socket.destroy());
    socket.once('close', cancel);
    // A handshake that fails destroys it; the alert has told the client why.
    secured.on('error', () => undefined);
    secured.once('secure', () => {
      cancel();
      socket.off('close', cancel);
      this.#read(secured, (protocol, first) => this.#serve(secured, protocol, first));
    });
  }

  #serve(socket: Socket, protocol: Protocol, bytes: Buffer): void {
    if (protocol === 'http') return this.#http.take(socket, bytes);
    if (protocol !== 'amqp') return sayLastWords(socket, this.#clock, SPOKEN_HERE);
    const transport = new SocketTransport(socket);
    const listener = this.#server.accept(transport);
    transport.open(listener);
    listener.onData(bytes);
  }

  get #patienceMs(): number {
    return this.#server.settings.authenticationMs;
  }
}
