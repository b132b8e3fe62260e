import type { AmqpError, Attach, Begin, DeliveryState, Detach, Encodable, Open, OPEN } from './composites.ts';
import type { IncomingDelivery, OutgoingDelivery } from './delivery.ts';
import { DEFAULTS } from './limits.ts';
import type { Link } from './link.ts';
import type { Session } from './session.ts';
import type { Fields } from './value.ts';

export type SaslMechanism = 'ANONYMOUS' | 'PLAIN' | 'MSSBCBS' | 'EXTERNAL';

export interface ServerSasl {
  readonly role: 'server';
  /** What is offered, the preferred one first. Offer EXTERNAL only on a transport whose client certificate was verified. */
  readonly mechanisms: readonly SaslMechanism[];
  /** `response` is the initial response, empty when there was none; `readPlainResponse` takes PLAIN's apart. */
  authenticate(mechanism: SaslMechanism, response: Buffer, hostname: string | undefined): boolean;
}

export interface ClientSasl {
  readonly role: 'client';
  readonly mechanism: SaslMechanism;
  /** PLAIN: the authentication id. ANONYMOUS and MSSBCBS: the trace. EXTERNAL: the authorization id. */
  readonly username?: string;
  readonly password?: string;
}

/** Sizes are in bytes, times in milliseconds; defaults and their meaning stand in limits.ts (`DEFAULTS`). */
export interface ConnectionOptions {
  readonly role: 'server' | 'client';
  readonly containerId: string;
  /** Client: hostname of open and of sasl-init. */
  readonly hostname?: string;
  readonly maxFrameSizeBytes?: number;
  readonly channelMax?: number;
  readonly handleMax?: number;
  readonly maxSessions?: number;
  readonly maxLinks?: number;
  readonly incomingWindow?: number;
  readonly idleTimeoutMs?: number;
  readonly maxMessageSizeBytes?: number;
  readonly maxPartialBytes?: number;
  readonly maxUnsettled?: number;
  readonly maxPendingOutputBytes?: number;
  readonly highWaterBytes?: number;
  /** Properties of our open. */
  readonly properties?: Fields;
  readonly offeredCapabilities?: readonly string[];
  readonly desiredCapabilities?: readonly string[];
  /** What the owner makes of the text of an error that the engine raises for the peer: adds an id, for example. */
  readonly describe?: (description: string) => string;
  /** undefined: no SASL dialog; a server then takes a plain AMQP header only. */
  readonly sasl: ServerSasl | ClientSasl | undefined;
  /** Server: take a peer without SASL although `sasl` is given. Default false. */
  readonly allowPlainHeader?: boolean;
}

/**
 * What a connection tells its owner. Every call happens inside `receive`, `tick` or a method that the owner called. A handler
 * may call back into the engine. An exception out of a handler closes the connection with `amqp:internal-error` and is handed
 * to `onFault`.
 */
export interface ConnectionHandler {
  /** The peer's open. A server's own open is on its way already; a server that does not want the peer calls `close`. */
  onOpen(open: Open): void;
  /** The peer began a session and has its answer, or answered ours. */
  onBegin(session: Session, begin: Begin): void;
  /**
   * The peer attached a link: answer now or later with `link.accept` or `link.refuse`. Or it answered an attach of ours: a null
   * source (of its sender) or target (of its receiver) announces a refusal, the error comes with `onDetach`.
   */
  onAttach(link: Link, attach: Attach): void;
  /** Sender links: credit, drain or the session's window changed. Not called before `link.accept`; look at `link.credit` after it. */
  onFlow(link: Link): void;
  /** A complete delivery. */
  onTransfer(link: Link, delivery: IncomingDelivery): void;
  /** The receiver's disposition of a delivery that we sent; one call for each delivery of a range. */
  onDisposition(link: Link, delivery: OutgoingDelivery, state: DeliveryState | undefined, settled: boolean): void;
  /** The sender's disposition of a delivery that we received (the answer to ours in receiver settle mode second). */
  onSettled?(link: Link, delivery: IncomingDelivery, state: DeliveryState | undefined, settled: boolean): void;
  /** Receiver links: the sender has used up or given back the credit that `drainCredit` asked for. */
  onDrained?(link: Link): void;
  /** The peer detached the link, or answered our detach. Ours is answered already. Not called for links that we refused. */
  onDetach(link: Link, detach: Detach): void;
  /** The session and its links are gone: the peer ended it, answered our end, or broke a rule of the session. */
  onEnd(session: Session, error?: AmqpError): void;
  /** Last call, exactly once: the peer closed or answered our close, broke a rule, fell silent, or the transport is gone. */
  onClose(error?: AmqpError): void;
  /** There is output where there was none; call `takeOutput` once in this turn of the event loop. */
  onOutput(): void;
  /** `connection.writable` is true again. */
  onWritable?(): void;
  /** An exception that came out of a handler. */
  onFault?(cause: unknown): void;
}

export type ConnectionLimits = { readonly [L in keyof typeof DEFAULTS]: number };

/** The limits of a connection: the options that were given, else the defaults. */
export function limitsOf(options: ConnectionOptions): ConnectionLimits {
  return { ...DEFAULTS, ...options };
}

/** Our open. Properties are never null: some clients take fields by position and stop where the list ends. */
export function ourOpen(options: ConnectionOptions, limits: ConnectionLimits): Encodable<typeof OPEN> {
  return {
    containerId: options.containerId,
    hostname: options.hostname,
    maxFrameSize: limits.maxFrameSizeBytes,
    channelMax: limits.channelMax,
    idleTimeOut: limits.idleTimeoutMs || undefined,
    offeredCapabilities: options.offeredCapabilities,
    desiredCapabilities: options.desiredCapabilities,
    properties: options.properties ?? new Map(),
  };
}
