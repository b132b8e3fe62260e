import type { Clock } from '../runtime/clock.ts';
import { parseDuration } from '../topology/index.ts';
import type { FanOut } from './arrivals.ts';
import type { BrokerState } from './broker-state.ts';
import { type ForwardingDestination, Forwarder } from './forwarder.ts';
import { IdleDeletion } from './idle-deletion.ts';
import type { MessageReader } from './message-reader.ts';
import type { Queue } from './queue.ts';

/** What goes on by itself at queues: forwarding, the way of activated messages to subscriptions, deletion when idle. */
export class Duties {
  readonly #clock: Clock;
  readonly #reader: MessageReader;
  readonly #find: (name: string) => Queue | undefined;
  readonly #onFault: (fault: unknown) => void;
  readonly #running = new Map<Queue, readonly { stop(): void }[]>();

  constructor(options: {
    clock: Clock;
    reader: MessageReader;
    /** The queue, or the topic's queue, that a forwarding names. */
    find: (name: string) => Queue | undefined;
    onFault: (fault: unknown) => void;
  }) {
    this.#clock = options.clock;
    this.#reader = options.reader;
    this.#find = options.find;
    this.#onFault = options.onFault;
  }

  /** Begins what the queue's description wants to go on by itself, in place of what went on before. */
  attend(queue: Queue, { broker, onIdle, fanOut }: { broker: BrokerState; onIdle: () => void; fanOut?: FanOut }): void {
    this.relieve(queue);
    const { forwardTo, forwardDeadLetteredMessagesTo, autoDeleteOnIdle, status } = queue.description;
    const duties: { stop(): void }[] = [];
    const forward = (subqueue: Queue['active'], destination: ForwardingDestination): void => {
      const reader = this.#reader;
      const onFault = this.#onFault;
      duties.push(new Forwarder({ broker, source: queue, subqueue, destination, reader, onFault }));
    };
    if (fanOut) forward(queue.active, { name: queue.name, isHop: false, find: () => distribution(fanOut) });
    const receives = status !== 'Disabled' && status !== 'ReceiveDisabled';
    const to = (name: string): ForwardingDestination => ({ name, isHop: true, find: () => this.#find(name) });
    if (receives && forwardTo !== undefined) forward(queue.active, to(forwardTo));
    if (receives && forwardDeadLetteredMessagesTo !== undefined)
      forward(queue.deadLetterQueue, to(forwardDeadLetteredMessagesTo));
    const idleMs = parseDuration(autoDeleteOnIdle, 'autoDeleteOnIdle');
    if (idleMs !== Infinity) duties.push(new IdleDeletion({ clock: this.#clock, queue, idleMs, onIdle }));
    if (duties.length > 0) this.#running.set(queue, duties);
  }

  relieve(queue: Queue): void {
    for (const duty of this.#running.get(queue) ?? []) duty.stop();
    this.#running.delete(queue);
  }
}

/** The subscriptions of a topic, which take any message. */
function distribution(fanOut: FanOut): ReturnType<ForwardingDestination['find']> {
  return { requiresSession: false, forwardStep: (message) => fanOut.step([message]) };
}
