import type { ServiceBusClient, ServiceBusReceiver } from '@azure/service-bus';
import { toRetrainError } from '../retraining/connection.ts';
import { requestKey } from '../retraining/identity.ts';
import type { RequestRef } from '../retraining/worker/ledger-record.ts';
import { outcomeOf, readOutcome } from '../retraining/outcome.ts';
import type { OutcomeEvent } from '../retraining/outcome.ts';

/** What ends a request. */
const ANSWERS = new Set(['promoted', 'rejected', 'deadlettered', 'cancelled']);

/** Follows outcome events on a queue. They come at least once; doubles are dropped by source and id. */
export class OutcomeFeed implements AsyncDisposable {
  /** Rejects when the queue cannot be read; otherwise it stays pending. */
  readonly failed: Promise<never>;
  readonly #receiver: ServiceBusReceiver;
  readonly #seen = new Set<string>();
  readonly #runs = new Set<string>();
  readonly #answers = new Map<string, OutcomeEvent>();
  readonly #waiting = new Map<string, (answer: OutcomeEvent) => void>();
  readonly #onEvent: (event: OutcomeEvent) => void;

  constructor(client: ServiceBusClient, { queue, onEvent }: { queue: string; onEvent: (event: OutcomeEvent) => void }) {
    this.#onEvent = onEvent;
    this.#receiver = client.createReceiver(queue);
    this.failed = new Promise((_, reject) => {
      this.#receiver.subscribe({
        processMessage: async (message) => {
          const read = readOutcome(message);
          if (read.kind === 'valid') this.#take(read.event);
        },
        processError: async ({ error }) =>
          reject(toRetrainError(error, { host: client.fullyQualifiedNamespace, entity: queue })),
      });
    });
    this.failed.catch(() => undefined);
  }

  /** Runs that were started so far. */
  get runs(): number {
    return this.#runs.size;
  }

  /** Resolves with the event that ends the request. */
  answerTo(request: RequestRef): Promise<OutcomeEvent> {
    const key = requestKey(request);
    const answer = this.#answers.get(key);
    if (answer) return Promise.resolve(answer);
    return new Promise((resolve) => this.#waiting.set(key, resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#receiver.close().catch(() => undefined);
  }

  #take(event: OutcomeEvent): void {
    const identity = requestKey(event);
    if (this.#seen.has(identity)) return;
    this.#seen.add(identity);
    const { runId, request, requests = [] } = event.data;
    const outcome = outcomeOf(event);
    if (outcome === 'started' && runId !== undefined) this.#runs.add(runId);
    this.#onEvent(event);
    if (!ANSWERS.has(outcome)) return;
    for (const ref of request ? [request] : requests) {
      const key = requestKey(ref);
      this.#answers.set(key, event);
      this.#waiting.get(key)?.(event);
      this.#waiting.delete(key);
    }
  }
}
