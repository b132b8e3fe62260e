import type { AmqpError, Attach, Begin, DeliveryState, Detach, Open } from './composites.ts';
import type { ConnectionHandler } from './connection-options.ts';
import type { IncomingDelivery, OutgoingDelivery } from './delivery.ts';
import type { Link } from './link.ts';
import type { Session } from './session.ts';

/**
 * Stands before the owner's handler and remembers what came out of it: the engine and its owner decode with the same code, and
 * an error that the owner met must not be blamed on the peer.
 */
export class HandlerGuard implements ConnectionHandler {
  /** The last exception out of the handler. */
  fault: unknown = undefined;
  readonly #handler: ConnectionHandler;

  constructor(handler: ConnectionHandler) {
    this.#handler = handler;
  }

  onOpen(open: Open): void {
    this.#call(() => this.#handler.onOpen(open));
  }

  onBegin(session: Session, begin: Begin): void {
    this.#call(() => this.#handler.onBegin(session, begin));
  }

  onAttach(link: Link, attach: Attach): void {
    this.#call(() => this.#handler.onAttach(link, attach));
  }

  // The four that come with every message do without a closure.
  onFlow(link: Link): void {
    try {
      this.#handler.onFlow(link);
    } catch (cause) {
      throw this.#note(cause);
    }
  }

  onTransfer(link: Link, delivery: IncomingDelivery): void {
    try {
      this.#handler.onTransfer(link, delivery);
    } catch (cause) {
      throw this.#note(cause);
    }
  }

  onDisposition(link: Link, delivery: OutgoingDelivery, state: DeliveryState | undefined, settled: boolean): void {
    try {
      this.#handler.onDisposition(link, delivery, state, settled);
    } catch (cause) {
      throw this.#note(cause);
    }
  }

  onSettled(link: Link, delivery: IncomingDelivery, state: DeliveryState | undefined, settled: boolean): void {
    try {
      this.#handler.onSettled?.(link, delivery, state, settled);
    } catch (cause) {
      throw this.#note(cause);
    }
  }

  onDrained(link: Link): void {
    this.#call(() => this.#handler.onDrained?.(link));
  }

  onDetach(link: Link, detach: Detach): void {
    this.#call(() => this.#handler.onDetach(link, detach));
  }

  onEnd(session: Session, error?: AmqpError): void {
    this.#call(() => this.#handler.onEnd(session, error));
  }

  onClose(error?: AmqpError): void {
    this.#call(() => this.#handler.onClose(error));
  }

  onOutput(): void {
    this.#call(() => this.#handler.onOutput());
  }

  onWritable(): void {
    this.#call(() => this.#handler.onWritable?.());
  }

  onFault(cause: unknown): void {
    this.#handler.onFault?.(cause);
  }

  #call(call: () => void): void {
    try {
      call();
    } catch (cause) {
      throw this.#note(cause);
    }
  }

  #note(cause: unknown): unknown {
    this.fault = cause;
    return cause;
  }
}
