import { Connection, type ConnectionHandler, type ConnectionOptions } from '../../src/amqp/index.ts';
import { recording } from './raw-peer.ts';

/** A client and a server engine joined in memory. Nothing moves but by `run`. */
export class Pair {
  readonly clientEvents: string[] = [];
  readonly serverEvents: string[] = [];
  readonly client: Connection;
  readonly server: Connection;
  nowMs = 0;

  constructor(
    options: { client?: Partial<ConnectionOptions>; server?: Partial<ConnectionOptions> } = {},
    own: { client?: Partial<ConnectionHandler>; server?: Partial<ConnectionHandler> } = {},
  ) {
    this.client = new Connection(
      { role: 'client', containerId: 'client', sasl: undefined, ...options.client },
      recording(this.clientEvents, own.client),
    );
    this.server = new Connection(
      { role: 'server', containerId: 'server', sasl: undefined, ...options.server },
      recording(this.serverEvents, own.server),
    );
    this.client.start(0);
    this.server.start(0);
  }

  /** Carries bytes both ways until neither side has any. */
  run(): this {
    for (let turn = 0; turn < 10_000; turn += 1) {
      const toServer = this.client.takeOutput();
      const toClient = this.server.takeOutput();
      if (toServer.length === 0 && toClient.length === 0) return this;
      for (const bytes of toServer) this.server.receive(bytes, this.nowMs);
      for (const bytes of toClient) this.client.receive(bytes, this.nowMs);
    }
    throw new Error('the two engines never fall silent');
  }
}
