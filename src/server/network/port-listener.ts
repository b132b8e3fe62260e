import { createServer } from 'node:net';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { LIMITS } from '../limits.ts';
import type { Gateway } from './gateway.ts';
import { listen } from './listen.ts';

/** A TCP port on which clients of every protocol reach the server. */
export class PortListener {
  readonly port: number;
  readonly #net: NetServer;

  private constructor(net: NetServer) {
    this.#net = net;
    this.port = (net.address() as AddressInfo).port;
  }

  /**
   * `name` says what the port is usually for.
   *
   * @throws RetrainError `ADDRESS_IN_USE`, `CONFIGURATION_INVALID`
   */
  static async open(options: {
    readonly gateway: Gateway;
    readonly host: string;
    readonly port: number;
    readonly name: string;
  }): Promise<PortListener> {
    const { gateway, host, port, name } = options;
    const net = createServer({ noDelay: true }, (socket) => gateway.take(socket));
    await listen(net, { host, port, backlog: LIMITS.backlogConnections }, name);
    return new PortListener(net);
  }

  /** Takes no further connections; those that exist are the gateway's to close. Resolves when they are gone. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#net.close(() => resolve());
    });
  }
}
