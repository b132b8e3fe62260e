import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { HttpApi } from '../http-routes.ts';
import type { OriginRule } from '../origin-rule.ts';
import type { Server } from '../server.ts';
import { Gateway } from './gateway.ts';
import { PortListener } from './port-listener.ts';
import type { TlsIdentity, TlsOptions } from './tls-identity.ts';

/**
 * The two ports of a broker, the one that is usually for AMQP and the one that is usually for HTTP. Everything is spoken on both of them; with
 * the same number they are one.
 */
export class Ports {
  readonly #amqp: PortListener;
  readonly #http: PortListener;
  readonly #gateway: Gateway;
  readonly #tls: TlsIdentity | undefined;

  private constructor(amqp: PortListener, http: PortListener, gateway: Gateway, tls: TlsIdentity | undefined) {
    this.#amqp = amqp;
    this.#http = http;
    this.#gateway = gateway;
    this.#tls = tls;
  }

  /** @throws RetrainError `ADDRESS_IN_USE`, `CONFIGURATION_INVALID`, `DATA_CORRUPT`; nothing listens any more then */
  static async open(options: {
    readonly server: Server;
    readonly api: HttpApi;
    readonly host: string;
    readonly amqpPort: number;
    readonly httpPort: number;
    readonly tls?: TlsOptions;
    readonly dataFolder: string;
    readonly mayConnect: OriginRule;
    readonly clock: Clock;
    readonly random: Random;
    readonly onFault: (fault: unknown) => void;
  }): Promise<Ports> {
    const { host, tls } = options;
    // Loaded only when called for: most brokers speak no TLS, and all of them are to start quickly.
    const identity = tls && (await (await import('./tls-identity.ts')).TlsIdentity.open({ ...options, tls }));
    const gateway = new Gateway({ ...options, secureContext: () => identity?.context });
    let amqp: PortListener | undefined;
    try {
      amqp = await PortListener.open({ gateway, host, port: options.amqpPort, name: 'AMQP' });
      const same = options.httpPort !== 0 && options.httpPort === options.amqpPort;
      const http = same ? amqp : await PortListener.open({ gateway, host, port: options.httpPort, name: 'HTTP' });
      return new Ports(amqp, http, gateway, identity);
    } catch (error) {
      void amqp?.close();
      gateway.close();
      identity?.close();
      throw error;
    }
  }

  get amqpPort(): number {
    return this.#amqp.port;
  }

  get httpPort(): number {
    return this.#http.port;
  }

  /** What TLS shows; undefined: it is not spoken. */
  get tls(): TlsIdentity | undefined {
    return this.#tls;
  }

  /** Takes no further connections on the first port; the second one goes on telling how the broker is. */
  closeAmqp(): void {
    void this.#amqp.close();
  }

  /** Takes no further connections, and cuts off those that exist. Resolves when all of them are gone. */
  async close(): Promise<void> {
    const closed = [this.#amqp.close(), this.#http.close()];
    this.#gateway.close();
    this.#tls?.close();
    await Promise.all(closed);
  }
}
