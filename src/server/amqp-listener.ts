import { createServer } from 'node:net';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { listen } from './listen.ts';
import { LIMITS } from './limits.ts';
import type { Server } from './server.ts';
import { SocketTransport } from './socket-transport.ts';

/** A TCP port on which clients reach the server. */
export class AmqpListener {
  readonly port: number;
  readonly #net: NetServer;

  private constructor(net: NetServer) {
    this.#net = net;
    this.port = (net.address() as AddressInfo).port;
  }

  /** @throws RetrainError `ADDRESS_IN_USE` */
  static async open(options: {
    readonly server: Server;
    readonly host: string;
    readonly port: number;
  }): Promise<AmqpListener> {
    const { server, host, port } = options;
    const net = createServer((socket) => {
      const transport = new SocketTransport(socket);
      transport.open(server.accept(transport));
    });
    // What is over it is closed as soon as the kernel hands it over, so that nobody waits behind it.
    net.maxConnections = server.settings.maxConnections + LIMITS.refusedConnections;
    await listen(net, { host, port, backlog: LIMITS.backlogConnections }, 'AMQP');
    return new AmqpListener(net);
  }

  /** Takes no further connections; those that exist are the server's to close. */
  close(): void {
    this.#net.close();
  }
}
