import { Connection } from '../amqp/index.ts';
import type { CancelTimer } from '../runtime/clock.ts';
import type { AccessRules } from './access-rules.ts';
import { ClientConnection } from './client-connection.ts';
import { failure } from './error-mapping.ts';
import type { Failure } from './error-mapping.ts';
import { LIMITS } from './limits.ts';
import { saslOptions } from './sasl.ts';
import type { Service } from './service.ts';
import type { Transport, TransportListener } from './transport.ts';

const NO_BYTES = Buffer.alloc(0);

/**
 * Moves bytes between one transport and one AMQP connection. Output leaves once per turn of the event loop, in one write.
 * A peer that does not take its output is neither read nor served further until it does; so is a peer that sends while the
 * disk is behind (`IntakeBudget`). A peer that takes nothing at all for `stalledPeerMs` is cut off: it could not be told either.
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
  /** The intake budget is exhausted: nothing is read. */
  #overBudget = false;
  /** What had been read already by then. */
  #unread: Buffer[] = [];
  /** Bytes given to the transport, ever. */
  #writtenBytes = 0;
  /** Bytes that the peer had taken of them when it was last seen to take some, and since when; undefined: nothing waits for it. */
  #takenBytes = 0;
  #takenSinceMs: number | undefined;
  #cancelStall: CancelTimer | undefined;
  #ending = false;
  #gone = false;
  #cancelTick: CancelTimer | undefined;
  #cancelDeadline: CancelTimer;

  /** `refusal`: the peer is told this as soon as it can understand it, and is served no further. */
  constructor(options: {
    readonly service: Service;
    readonly transport: Transport;
    readonly refusal?: Failure;
    readonly onClosed: (driver: ConnectionDriver) => void;
  }) {
    const { service, transport, refusal } = options;
    this.#service = service;
    this.#transport = transport;
    this.#onClosed = options.onClosed;
    this.#client = new ClientConnection(service, {
      onOpened: refusal ? () => this.close(refusal) : this.#tick,
      onOutput: () => this.#arm(),
      onFinished: () => this.#finish(),
      end: (error) => this.close(error),
    });
    this.#connection = new Connection(
      {
        role: 'server',
        containerId: 'retrain',
        maxFrameSizeBytes: LIMITS.maxFrameSizeBytes,
        maxSessions: LIMITS.sessionsBeforeToken,
        maxLinks: LIMITS.linksBeforeToken,
        maxPartialBytes: LIMITS.partialBytesBeforeToken,
        idleTimeoutMs: service.settings.idleTimeoutMs,
        highWaterBytes: LIMITS.outputHighWaterBytes,
        sasl: saslOptions(service, this.#client.claims),
        describe: (description) => service.describe(description),
      },
      this.#client,
    );
    this.#client.connection = this.#connection;
    this.#connection.start(service.clock.monotonicMs());
    const deadlineMs = refusal ? LIMITS.refusalMs : service.settings.authenticationMs;
    this.#cancelDeadline = service.clock.after(deadlineMs, () => this.#checkAuthenticated());
  }

  onData(chunk: Buffer): void {
    if (this.#ending || this.#gone) return;
    if (this.#service.intake.exhausted && !this.#overBudget) {
      this.#overBudget = true;
      this.#transport.pause();
      this.#service.intake.waitForRoom(this.#resume);
    }
    if (this.#overBudget) this.#unread.push(chunk);
    else this.#connection.receive(chunk, this.#service.clock.monotonicMs());
  }

  onDrain(): void {
    if (!this.#full || this.#gone) return;
    this.#full = false;
    this.#cancelStall?.();
    if (!this.#overBudget) this.#listen();
    this.#write();
  }

  onClose(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#cancelTick?.();
    this.#cancelStall?.();
    this.#cancelDeadline();
    this.#service.intake.forget(this.#resume);
    try {
      // What the peer said before it went counts.
      for (const chunk of this.#ending ? [] : this.#unread)
        this.#connection.receive(chunk, this.#service.clock.monotonicMs());
      this.#connection.disconnected();
    } catch (fault) {
      this.#service.onFault(fault);
    }
    this.#onClosed(this);
  }

  /** Says goodbye with `error` and closes when the peer has taken it, or after `LIMITS.closeGraceMs`. */
  close(error: Failure): void {
    if (this.#ending || this.#gone) return;
    this.#client.dropLinks();
    try {
      this.#connection.close(this.#service.errorOf(error));
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
    for (const { length } of buffers) this.#writtenBytes += length;
    if (buffers.length > 0) this.#transport.write(buffers);
    if (this.#ending) {
      this.#transport.end();
    } else if (this.#transport.pendingBytes > LIMITS.outputHighWaterBytes) {
      this.#full = true;
      this.#transport.pause();
      this.#cutIfStalled();
    }
  }

  /** Looks whether the peer takes what waits for it, and goes on looking while the transport is full. */
  #cutIfStalled(): void {
    const pending = this.#transport.pendingBytes;
    const taken = this.#writtenBytes - pending;
    const nowMs = this.#service.clock.monotonicMs();
    const allowedMs = this.#service.settings.stalledPeerMs + pending / LIMITS.slowestPeerBytesPerMs;
    if (pending === 0) this.#takenSinceMs = undefined;
    else if (this.#takenSinceMs === undefined || taken !== this.#takenBytes) this.#takenSinceMs = nowMs;
    else if (nowMs - this.#takenSinceMs >= allowedMs) return this.#transport.destroy();
    this.#takenBytes = taken;
    this.#cancelStall?.();
    if (this.#full) this.#cancelStall = this.#service.clock.after(allowedMs, () => this.#cutIfStalled());
  }

  #readAgain(): void {
    this.#overBudget = false;
    const unread = this.#unread;
    this.#unread = [];
    for (const chunk of unread) this.onData(chunk);
    if (!this.#full && !this.#overBudget && !this.#gone) this.#listen();
  }

  /** The peer was not read for a while, which is no silence of its own. */
  #listen(): void {
    this.#connection.receive(NO_BYTES, this.#service.clock.monotonicMs());
    this.#transport.resume();
  }

  /** The connection is over for AMQP: what it still has to say leaves, then the transport closes. */
  #finish(): void {
    if (this.#ending || this.#gone) return;
    this.#ending = true;
    this.#cancelTick?.();
    this.#cancelStall?.();
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
    if (this.#full || this.#overBudget) this.#connection.receive(NO_BYTES, nowMs);
    const nextMs = this.#connection.tick(nowMs);
    this.#cutIfStalled();
    if (this.#gone) return;
    this.#cancelTick?.();
    this.#cancelTick =
      nextMs === undefined ? undefined : this.#service.clock.after(Math.max(1, nextMs - nowMs), this.#tick);
  }

  #checkAuthenticated(): void {
    if (!this.#client.opened) {
      this.#transport.destroy();
    } else if (this.#client.claims.empty) {
      const { authenticationMs } = this.#service.settings;
      this.close(failure('amqp:connection:forced', `No token was put within ${authenticationMs} ms of connecting.`));
    }
  }
}
