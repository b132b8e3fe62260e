import {
  Connection,
  type AmqpError,
  type Attach,
  type AttachOptions,
  type ConnectionHandler,
  type DeliveryState,
  type Detach,
  type IncomingDelivery,
  type Link,
  type OutgoingDelivery,
  type Session,
} from '../../src/amqp/index.ts';
import type { CancelTimer } from '../../src/runtime/clock.ts';
import { KEY, KEY_NAME, type BrokerProcess } from './broker-process.ts';
import type { PipeEnd } from './pipe.ts';
import type { World } from './world.ts';

/** What stands behind one link of a client. */
export interface LinkUser {
  onAttached?(): void;
  onFlow?(): void;
  onDrained?(): void;
  onTransfer?(delivery: IncomingDelivery): void;
  /** The broker's answer about a message that was sent. */
  onDisposition?(delivery: OutgoingDelivery, state: DeliveryState | undefined): void;
  /** The broker's answer about a message that was received. */
  onSettled?(delivery: IncomingDelivery, state: DeliveryState | undefined): void;
  /** The link is gone, with the broker's reason if it gave one. Called once. */
  onGone(condition: string): void;
}

const RETRY_MS = 6;
const CONNECT_LIMIT_MS = 30_000;
export const CONNECTION_LOST = 'connection lost';

/**
 * A connection of a client to the broker, over our own engine in the client's role. Nothing here throws or rejects when the connection
 * goes: its links are told, once.
 */
export class Client implements ConnectionHandler {
  readonly world: World;
  readonly name: string;
  /** Which life of the broker it is connected to. */
  readonly life: number;
  readonly #pipe: PipeEnd;
  readonly #connection: Connection;
  readonly #links = new Set<Link>();
  #session: Session | undefined;
  #onReady: ((ready: boolean) => void) | undefined;
  #flushArmed = false;
  #gone = false;
  #cancelTick: CancelTimer | undefined;

  /** Tries until the broker can be reached. */
  static async connect(options: { world: World; broker: BrokerProcess; name: string }): Promise<Client> {
    const { world, broker, name } = options;
    for (;;) {
      const pipe = broker.connect(name);
      if (pipe) {
        const client = new Client({ world, pipe, name, life: broker.lives });
        if (await world.within(CONNECT_LIMIT_MS, `${name} connects`, client.#ready())) return client;
      }
      await world.sleep(world.random.delayMs(RETRY_MS));
    }
  }

  private constructor(options: { world: World; pipe: PipeEnd; name: string; life: number }) {
    this.world = options.world;
    this.name = options.name;
    this.life = options.life;
    this.#pipe = options.pipe;
    const { random } = options.world;
    this.#connection = new Connection(
      {
        role: 'client',
        containerId: options.name,
        hostname: 'simulation',
        // Small frames and windows make messages of several frames, and waiting, a common thing.
        maxFrameSizeBytes: random.pick([512, 4096, 65_536]),
        incomingWindow: random.pick([8, 64, 2048]),
        sasl: { role: 'client', mechanism: 'PLAIN', username: KEY_NAME, password: KEY },
      },
      this,
    );
    this.#pipe.open({
      onData: (chunk) => {
        if (!this.#gone) this.#connection.receive(chunk, this.world.clock.monotonicMs());
      },
      onDrain: () => undefined,
      onClose: () => this.#lose(),
    });
    this.#connection.start(options.world.clock.monotonicMs());
  }

  get alive(): boolean {
    return !this.#gone;
  }

  attach(options: AttachOptions, user: LinkUser): Link | undefined {
    if (this.#gone || !this.#session?.open) {
      user.onGone(CONNECTION_LOST);
      return undefined;
    }
    const link = this.#session.attach({ ...options, context: user });
    this.#links.add(link);
    return link;
  }

  /** The connection breaks, as when a cable is pulled. */
  cut(): void {
    if (this.#gone) return;
    this.world.trace(this.name, 'cuts its connection');
    this.#pipe.destroy();
    this.#lose();
  }

  /** Says goodbye; whatever was not answered is lost all the same. */
  close(): void {
    if (this.#gone) return;
    this.#connection.close();
    this.#write();
    this.#pipe.end();
    this.#lose();
  }

  // what the engine tells --------------------------------------------------------------------------------------------

  onOpen(): void {
    this.#tick();
    this.#session = this.#connection.openSession();
  }

  onBegin(): void {
    this.#onReady?.(true);
    this.#onReady = undefined;
  }

  onAttach(link: Link, attach: Attach): void {
    const terminus = link.role === 'sender' ? attach.target : attach.source;
    // Without a terminus it is a refusal; the reason follows with the detach.
    if (terminus) userOf(link).onAttached?.();
  }

  onFlow(link: Link): void {
    userOf(link).onFlow?.();
  }

  onDrained(link: Link): void {
    userOf(link).onDrained?.();
  }

  onTransfer(link: Link, delivery: IncomingDelivery): void {
    userOf(link).onTransfer?.(delivery);
  }

  onDisposition(link: Link, delivery: OutgoingDelivery, state: DeliveryState | undefined, settled: boolean): void {
    if (!settled) this.world.violate(`${this.name}: an outcome of ${link.name} came unsettled`);
    userOf(link).onDisposition?.(delivery, state);
  }

  onSettled(link: Link, delivery: IncomingDelivery, state: DeliveryState | undefined): void {
    userOf(link).onSettled?.(delivery, state);
  }

  onDetach(link: Link, detach: Detach): void {
    if (this.#links.delete(link)) userOf(link).onGone(detach.error?.condition ?? 'detached');
  }

  onEnd(_session: Session, error?: AmqpError): void {
    this.world.violate(`${this.name}: the session ended: ${error?.condition} ${error?.description}`);
    this.#lose();
  }

  onClose(error?: AmqpError): void {
    if (this.#gone) return;
    if (error && error.condition !== 'amqp:connection:forced')
      this.world.violate(`${this.name}: the connection was closed: ${error.condition} ${error.description}`);
    this.#write();
    this.#lose();
  }

  onOutput(): void {
    if (this.#flushArmed || this.#gone) return;
    this.#flushArmed = true;
    this.world.after(this.world.random.delayMs(0.01), () => this.#write());
  }

  onFault(cause: unknown): void {
    this.world.violate(`${this.name} has a fault: ${cause instanceof Error ? cause.stack : String(cause)}`);
  }

  // inside -----------------------------------------------------------------------------------------------------------

  #ready(): Promise<boolean> {
    return new Promise((resolve) => (this.#onReady = resolve));
  }

  #write(): void {
    this.#flushArmed = false;
    if (this.#gone) return;
    const output = this.#connection.takeOutput();
    if (output.length > 0) this.#pipe.write(output);
  }

  #tick(): void {
    if (this.#gone) return;
    const now = this.world.clock.monotonicMs();
    const next = this.#connection.tick(now);
    if (next !== undefined) this.#cancelTick = this.world.after(Math.max(1, next - now), () => this.#tick());
  }

  #lose(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#cancelTick?.();
    this.#pipe.destroy();
    this.#onReady?.(false);
    for (const link of this.#links) userOf(link).onGone(CONNECTION_LOST);
    this.#links.clear();
  }
}

function userOf(link: Link): LinkUser {
  return link.context as LinkUser;
}
