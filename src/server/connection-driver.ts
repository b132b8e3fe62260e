import { Connection } from '../amqp/index.ts';
import type { AmqpError } from '../amqp/index.ts';
import type { CancelTimer } from '../runtime/clock.ts';
import type { AccessRules } from './access-rules.ts';
import { ClientConnection } from './client-connection.ts';
import { LIMITS } from './limits.ts';
import { saslOptions } from './sasl.ts';
import type { Service } from './service.ts';
import type { Transport, TransportListener } from './transport.ts';

const BROKEN = { condition: 'amqp:internal-error', description: 'The server has met a fault of its own.' };

/**
 * Moves bytes between one transport and one AMQP connection. Output leaves once per turn of the event loop, in one write.
 * A peer that does not take its output is neither read nor served further until it does; so is a peer that sends while the
 * disk is behind (`IntakeBudget`).
 */
export class ConnectionDriver implements TransportListener {
  readonly #service: Service;
  readonly #transport: Transport;
  readonly #connection: Connection;
  readonly #client: ClientConnection;
  readonly #onClosed: (driver: ConnectionDriver) => void;
  readonly #flush = (): void => this.#write();
  readonly #tick = (): void => this.#keepAlive();
  readonly #resume = (): void => this.#readAgain();
  #flushArmed = false;
  /** The transport is full. */
  #full = false;
  /** The intake budget is exhausted. */
  #overBudget = false;
  #ending = false;
  #gone = false;
  #cancelTick: CancelTimer | undefined;
  #cancelDeadline: CancelTimer;

  constructor(options: {
    readonly service: Service;
    readonly transport: Transport;
    readonly onClosed: (driver: ConnectionDriver) => void;
  }) {
    const { service, transport } = options;
    this.#service = service;
    this.#transport = transport;
    this.#onClosed = options.onClosed;
    this.#client = new ClientConnection(service, {
      onOpened: this.#tick,
      onOutput: () => this.#arm(),
      onFinished: () => this.#finish(),
      onBroken: () => this.close(BROKEN),
    });
    this.#connection = new Connection(
      {
        role: 'server',
        containerId: 'retrain',
        maxFrameSizeBytes: LIMITS.maxFrameSizeBytes,
        maxLinks: LIMITS.linksBeforeToken,
        maxPartialBytes: LIMITS.partialBytesBeforeToken,
        idleTimeoutMs: LIMITS.idleTimeoutMs,
        highWaterBytes: LIMITS.outputHighWaterBytes,
        sasl: saslOptions(service, this.#client.claims),
      },
      this.#client,
    );
    this.#client.connection = this.#connection;
    this.#connection.start(service.clock.monotonicMs());
    this.#cancelDeadline = service.clock.after(LIMITS.authenticationMs, () => this.#checkAuthenticated());
  }

  onData(chunk: Buffer): void {
    if (this.#ending || this.#gone) return;
    this.#connection.receive(chunk, this.#service.clock.monotonicMs());
    if (this.#service.intake.exhausted && !this.#overBudget && !this.#ending) {
      this.#overBudget = true;
      this.#transport.pause();
      this.#service.intake.waitForRoom(this.#resume);
    }
  }

  onDrain(): void {
    if (!this.#full || this.#gone) return;
    this.#full = false;
    if (!this.#overBudget) this.#transport.resume();
    this.#write();
  }

  onClose(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#cancelTick?.();
    this.#cancelDeadline();
    this.#service.intake.forget(this.#resume);
    try {
      this.#connection.disconnected();
    } catch (fault) {
      this.#service.onFault(fault);
    }
    this.#onClosed(this);
  }

  /** Says goodbye with `error` and closes when the peer has taken it, or after `LIMITS.closeGraceMs`. */
  close(error: AmqpError): void {
    if (this.#ending || this.#gone) return;
    this.#client.dropLinks();
    try {
      this.#connection.close(error);
    } catch (fault) {
      this.#service.onFault(fault);
    }
    this.#finish();
  }

  destroy(): void {
    this.#transport.destroy();
  }

  /** Other access rules are in force: what was given for those that are gone ends, with the links that lived from it. */
  reconsider(rules: AccessRules): void {
    if (!this.#ending && !this.#gone) this.#client.claims.reconsider(rules);
  }

  #arm(): void {
    if (this.#flushArmed || this.#full || this.#gone) return;
    this.#flushArmed = true;
    this.#service.clock.soon(this.#flush);
  }

  #write(): void {
    this.#flushArmed = false;
    if (this.#full || this.#gone) return;
    const buffers = this.#connection.takeOutput();
    if (buffers.length > 0) this.#transport.write(buffers);
    if (this.#ending) {
      this.#transport.end();
    } else if (this.#transport.pendingBytes > LIMITS.outputHighWaterBytes) {
      this.#full = true;
      this.#transport.pause();
    }
  }

  #readAgain(): void {
    this.#overBudget = false;
    if (!this.#full && !this.#gone) this.#transport.resume();
  }

  /** The connection is over for AMQP: what it still has to say leaves, then the transport closes. */
  #finish(): void {
    if (this.#ending || this.#gone) return;
    this.#ending = true;
    this.#cancelTick?.();
    this.#cancelDeadline();
    this.#cancelDeadline = this.#service.clock.after(LIMITS.closeGraceMs, () => this.#transport.destroy());
    // What the peer still sends is read and thrown away: unread bytes would turn our close into a reset.
    this.#transport.resume();
    this.#full = false;
    this.#arm();
  }

  #keepAlive(): void {
    if (this.#ending || this.#gone) return;
    const nowMs = this.#service.clock.monotonicMs();
    const nextMs = this.#connection.tick(nowMs);
    this.#cancelTick?.();
    this.#cancelTick =
      nextMs === undefined ? undefined : this.#service.clock.after(Math.max(1, nextMs - nowMs), this.#tick);
  }

  #checkAuthenticated(): void {
    if (!this.#client.opened) {
      this.#transport.destroy();
    } else if (this.#client.claims.empty) {
      this.close({
        condition: 'amqp:connection:forced',
        description: `No token was put within ${LIMITS.authenticationMs} ms of connecting.`,
      });
    }
  }
}
