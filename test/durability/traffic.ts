import { setTimeout as delay } from 'node:timers/promises';
import { ServiceBusClient, type ServiceBusReceivedMessage, type ServiceBusSessionReceiver } from '@azure/service-bus';

export const QUEUE = 'traffic';
export const QUEUE_FLAG = `${QUEUE}:sessions,duplicates,maxDeliveryCount=1000,lockDuration=PT30S`;
const SESSIONS = ['red', 'green', 'blue', 'black'];

const RETRY = { maxRetries: 2, retryDelayInMs: 50, maxRetryDelayInMs: 200, timeoutInMs: 1_500 };
const BATCH = 8;
const RECEIVE_MESSAGES = 50;
/** Receives of one holder of a session. */
const MAX_BATCHES = 5;
const RECEIVE_WAIT_MS = 300;
const PAUSE_AFTER_ERROR_MS = 50;
/** The senders are not to run away from the receivers. */
const PAUSE_AFTER_BATCH_MS = 40;
/** The client waits for ever for some answers when the connection goes at the wrong moment (a sender's close, for one). */
const CALL_LIMIT_MS = 3_000;
const CLOSE_LIMIT_MS = 500;

async function bounded<T>(call: Promise<T>, limitMs = CALL_LIMIT_MS): Promise<T> {
  const limit = new AbortController();
  const late = delay(limitMs, undefined, { signal: limit.signal }).then(() => {
    throw new Error(`no answer within ${limitMs} ms`);
  });
  // Nobody waits for the one that loses.
  late.catch(() => undefined);
  call.catch(() => undefined);
  try {
    return await Promise.race([call, late]);
  } finally {
    limit.abort();
  }
}

async function close(closable: { close(): Promise<void> }): Promise<void> {
  try {
    await bounded(closable.close(), CLOSE_LIMIT_MS);
  } catch {
    // It is given up: a client that does not close is no matter of the broker's.
  }
}

/**
 * Official clients that send and complete while the broker is killed and started again, and what they were promised: messages whose sending
 * returned, and messages whose completion returned.
 */
export class Traffic {
  readonly acknowledged = new Set<string>();
  readonly completed = new Set<string>();
  /** Rules that were broken, in words. */
  readonly broken: string[] = [];
  readonly #connectionString: string;
  /** Their completion was asked for, and the answer did not come. */
  readonly #maybeCompleted = new Set<string>();
  readonly #numbers = new Map<string, string>();
  readonly #states = new Map<string, Set<string>>();
  readonly #stop = new AbortController();
  #workers: Promise<void>[] = [];
  #sent = 0;
  #notes = 0;

  constructor(connectionString: string) {
    this.#connectionString = connectionString;
  }

  start(): void {
    this.#workers = [this.#send('a'), this.#send('b'), this.#receive(), this.#receive()];
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#workers);
  }

  /** Resolves when that many more messages were acknowledged, and completed, than now. */
  async progress(count: number, limitMs: number): Promise<boolean> {
    const sent = this.acknowledged.size + count;
    const completed = this.completed.size + count;
    for (let waitedMs = 0; waitedMs < limitMs; waitedMs += 10) {
      if (this.acknowledged.size >= sent && this.completed.size >= completed) return true;
      await delay(10);
    }
    return false;
  }

  /** Receives and completes all that is left, and says what is missing. */
  async drain(): Promise<void> {
    const client = new ServiceBusClient(this.#connectionString, { retryOptions: RETRY });
    const left = new Set<string>();
    for (const session of SESSIONS) {
      const receiver = await client.acceptSession(QUEUE, session, { maxAutoLockRenewalDurationInMs: 0 });
      await this.#readState(receiver);
      for (;;) {
        const messages = await receiver.receiveMessages(RECEIVE_MESSAGES, { maxWaitTimeInMs: RECEIVE_WAIT_MS });
        if (messages.length === 0) break;
        for (const message of messages) {
          this.#take(message);
          left.add(String(message.messageId));
        }
        await bounded(Promise.all(messages.map((message) => this.#complete(receiver, message))));
      }
      await close(receiver);
    }
    await close(client);
    for (const id of this.acknowledged)
      if (!left.has(id) && !this.completed.has(id) && !this.#maybeCompleted.has(id))
        this.broken.push(`message ${id} was acknowledged and is gone`);
  }

  /** Works with a client until it fails; then with a new one, until the traffic is over. */
  async #work(work: (client: ServiceBusClient) => Promise<void>): Promise<void> {
    while (!this.#over) {
      const client = new ServiceBusClient(this.#connectionString, { retryOptions: RETRY });
      try {
        await work(client);
      } catch {
        // The broker is gone, or was: what was asked for is asked for again.
        await delay(PAUSE_AFTER_ERROR_MS);
      }
      await close(client);
    }
  }

  get #over(): boolean {
    return this.#stop.signal.aborted;
  }

  async #send(name: string): Promise<void> {
    let batch: { body: string; messageId: string; sessionId: string }[] = [];
    await this.#work(async (client) => {
      const sender = client.createSender(QUEUE);
      while (!this.#over) {
        if (batch.length === 0) batch = this.#compose(name);
        // The same ids again when the answer did not come: duplicate detection makes one of them.
        await bounded(sender.sendMessages(batch));
        for (const { messageId } of batch) this.acknowledged.add(messageId);
        batch = [];
        await delay(PAUSE_AFTER_BATCH_MS);
      }
    });
  }

  #compose(name: string): { body: string; messageId: string; sessionId: string }[] {
    return Array.from({ length: 1 + (this.#sent % BATCH) }, () => {
      const messageId = `${name}${this.#sent++}`;
      return { body: `body of ${messageId}`, messageId, sessionId: SESSIONS[this.#sent % SESSIONS.length] as string };
    });
  }

  #receive(): Promise<void> {
    return this.#work(async (client) => {
      while (!this.#over) {
        const receiver = await bounded(client.acceptNextSession(QUEUE, { maxAutoLockRenewalDurationInMs: 0 }));
        await this.#readState(receiver);
        for (let batches = 0; batches < MAX_BATCHES; batches++) {
          const messages = await bounded(
            receiver.receiveMessages(RECEIVE_MESSAGES, { maxWaitTimeInMs: RECEIVE_WAIT_MS }),
          );
          if (messages.length === 0) break;
          for (const message of messages) this.#take(message);
          await bounded(Promise.all(messages.map((message) => this.#complete(receiver, message))));
          await this.#writeState(receiver);
        }
        await close(receiver);
      }
    });
  }

  #take({ messageId, sequenceNumber, body, sessionId }: ServiceBusReceivedMessage): void {
    const id = String(messageId);
    const number = String(sequenceNumber);
    if (this.completed.has(id)) this.broken.push(`message ${id} came again after its completion`);
    const before = this.#numbers.get(id) ?? number;
    this.#numbers.set(id, before);
    if (before !== number) this.broken.push(`message ${id} came with the sequence numbers ${before} and ${number}`);
    if (body !== `body of ${id}`) this.broken.push(`message ${id} of session ${sessionId} came with the body ${body}`);
    // It is here, so what was asked for before has not happened.
    this.#maybeCompleted.delete(id);
  }

  async #complete(receiver: ServiceBusSessionReceiver, message: ServiceBusReceivedMessage): Promise<void> {
    const id = String(message.messageId);
    this.#maybeCompleted.add(id);
    await receiver.completeMessage(message);
    this.completed.add(id);
  }

  async #writeState(receiver: ServiceBusSessionReceiver): Promise<void> {
    const possible = this.#states.get(receiver.sessionId) ?? new Set(['none']);
    this.#states.set(receiver.sessionId, possible);
    const state = `note ${++this.#notes}`;
    possible.add(state);
    await bounded(receiver.setSessionState({ state }));
    this.#states.set(receiver.sessionId, new Set([state]));
  }

  async #readState(receiver: ServiceBusSessionReceiver): Promise<void> {
    const { sessionId } = receiver;
    const found = (await bounded(receiver.getSessionState())) as { state: string } | null | undefined;
    const state = found?.state ?? 'none';
    const possible = this.#states.get(sessionId) ?? new Set(['none']);
    if (!possible.has(state))
      this.broken.push(`session ${sessionId} has the state '${state}'; it must be ${[...possible].join(' or ')}`);
    this.#states.set(sessionId, new Set([state]));
  }
}
