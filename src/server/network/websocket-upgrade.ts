import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocketServer } from 'ws';
import { WEBSOCKET_PATH } from '../../api/paths.ts';
import { PROBLEM_MEDIA_TYPE } from '../../api/problem.ts';
import type { Problem } from '../../api/problem.ts';
import type { Clock } from '../../runtime/clock.ts';
import { httpRouteOf } from '../http-route.ts';
import { LIMITS } from '../limits.ts';
import { foreignOrigin } from '../origin-rule.ts';
import type { OriginRule } from '../origin-rule.ts';
import type { Transport, TransportListener } from '../transport.ts';
import { sayLastWords } from './last-words.ts';
import { WebSocketTransport } from './websocket-transport.ts';

/** The one of Service Bus's clients, and the one that OASIS has registered since. */
const SUBPROTOCOLS = ['AMQPWSB10', 'amqp'] as const;

/** Takes AMQP clients that come over WebSockets (service-bus-protocol.md §1.1). */
export class WebSocketUpgrade {
  readonly #accept: (transport: Transport) => TransportListener;
  readonly #clock: Clock;
  readonly #mayConnect: OriginRule;
  readonly #onFault: (fault: unknown) => void;
  #library: Promise<WebSocketServer> | undefined;

  constructor(options: {
    readonly accept: (transport: Transport) => TransportListener;
    readonly clock: Clock;
    readonly mayConnect: OriginRule;
    readonly onFault: (fault: unknown) => void;
  }) {
    this.#accept = options.accept;
    this.#clock = options.clock;
    this.#mayConnect = options.mayConnect;
    this.#onFault = options.onFault;
  }

  /** Makes the connection of `request` a WebSocket, or refuses it with a problem document. */
  take(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const refusal = this.#refusal(request);
    if (refusal) return refuse(socket, this.#clock, refusal);
    this.#library ??= loadLibrary();
    this.#library
      .then((library) =>
        library.handleUpgrade(request, socket, head, (websocket) => {
          const transport = new WebSocketTransport(websocket, socket);
          transport.open(this.#accept(transport));
        }),
      )
      .catch((fault: unknown) => {
        this.#onFault(fault);
        socket.destroy();
      });
  }

  #refusal({ url = '', headers }: IncomingMessage): Omit<Problem, 'type'> | undefined {
    if (httpRouteOf(url) !== 'websocket')
      return { title: 'Not Found', status: 404, detail: `WebSockets are opened at ${WEBSOCKET_PATH}.` };
    const { origin } = headers;
    if (origin !== undefined && !this.#mayConnect(origin)) return foreignOrigin(origin);
    const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    if (!SUBPROTOCOLS.some((name) => offered.includes(name)))
      return {
        title: 'Bad Request',
        status: 400,
        detail: `Ask for the subprotocol ${SUBPROTOCOLS[0]}: nothing else than AMQP is spoken here.`,
      };
    return undefined;
  }
}

/** Loaded with the first WebSocket only: most brokers never see one. */
async function loadLibrary(): Promise<WebSocketServer> {
  const { WebSocketServer } = await import('ws');
  return new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: LIMITS.websocketMessageBytes,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  });
}

function refuse(socket: Socket, clock: Clock, said: Omit<Problem, 'type'>): void {
  const body = JSON.stringify({ type: 'about:blank', ...said } satisfies Problem);
  sayLastWords(
    socket,
    clock,
    `HTTP/1.1 ${said.status} ${STATUS_CODES[said.status] ?? ''}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
