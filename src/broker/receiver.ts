import type { Delivery, ReceiveMode } from './message.ts';

/** A client that takes messages, one for each credit it gives. */
export class Receiver {
  readonly mode: ReceiveMode;
  readonly deliver: (delivery: Delivery) => void;
  readonly #onCredit: () => void;
  readonly #onClose: () => void;
  #credit = 0;
  #closed = false;
  /** Whether the receiver stands in the row of those that wait for a message. */
  waiting = false;

  constructor(options: {
    mode: ReceiveMode;
    onDelivery: (delivery: Delivery) => void;
    onCredit: (receiver: Receiver) => void;
    onClose: (receiver: Receiver) => void;
  }) {
    this.mode = options.mode;
    this.deliver = options.onDelivery;
    this.#onCredit = () => options.onCredit(this);
    this.#onClose = () => options.onClose(this);
  }

  get credit(): number {
    return this.#credit;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** States how many messages may come. What is ready comes before this returns. */
  setCredit(credit: number): void {
    if (this.#closed) return;
    this.#credit = credit;
    if (credit > 0) this.#onCredit();
  }

  spend(): void {
    this.#credit--;
  }

  /** No message comes any more. Locks that were given go on until they expire or, in a session, until the session is released. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#credit = 0;
    this.#onClose();
  }
}
