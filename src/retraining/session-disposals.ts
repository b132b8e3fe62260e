import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { RetrainError } from '../errors.ts';
import { cloneMessage } from './envelope.ts';
import type { RequestEvent } from './envelope.ts';
import { waitingOf } from './ledger-view.ts';
import { outcomeEvent } from './outcome.ts';
import type { RequestRef } from './ledger-record.ts';
import type { SessionLease } from './session-lease.ts';
import type { Carrier, SessionMessages } from './session-messages.ts';
import type { WorkerContext } from './worker-context.ts';
import type { Candidate, DeadLetterReason, Disposal } from './worker-sort.ts';

type Received = ServiceBusReceivedMessage;
type Copy = Pick<Carrier['copies'][number], 'message'>;

interface Letter {
  readonly reason: DeadLetterReason;
  readonly description: string;
}

export interface DisposalsOptions {
  readonly context: WorkerContext;
  readonly lease: SessionLease;
  readonly messages: SessionMessages;
}

/** Does what was decided about messages that no run answers. Whatever a crash cuts short is done again in the same words. */
export class Disposals {
  readonly #context: WorkerContext;
  readonly #lease: SessionLease;
  readonly #messages: SessionMessages;

  constructor({ context, lease, messages }: DisposalsOptions) {
    this.#context = context;
    this.#lease = lease;
    this.#messages = messages;
  }

  async dispose(disposal: Disposal<Received>): Promise<void> {
    const { log } = this.#context;
    const { model } = this.#lease;
    switch (disposal.kind) {
      case 'answered':
        await this.#messages.complete(disposal.message);
        log({ fact: 'already-answered', model, id: disposal.request.id });
        return;
      case 'cloned':
        await this.#replace(disposal.event, { ...disposal, copies: [disposal] });
        return;
      case 'dead-letter':
        await this.deadLetter([disposal], disposal);
        return;
      case 'cancel': {
        // Told first, then noted: told twice it is one event, noted but untold it would be lost.
        await this.#tell('cancelled', disposal.targets, disposal.event.id);
        for (const request of disposal.targets)
          await this.#lease.write({ type: 'answered', request, answer: 'cancelled' });
        for (const message of disposal.messages) await this.#messages.complete(message);
        log({ fact: 'cancelled', model, id: disposal.event.data.requestId, targets: disposal.targets.length });
      }
    }
  }

  /** Sends each request away as a clone that becomes active at `untilMs`: cool-down, spent budget, pause after an interruption. */
  async postpone(candidates: readonly Candidate<Received>[], untilMs: number): Promise<void> {
    const requests = candidates.map(({ source, id, hop }) => ({ source, id, hop }));
    await this.#lease.write({ type: 'postponed', requests, untilMs });
    for (const { event, copies } of candidates) await this.#replace(event, { ...this.cloneOf(event), copies });
    this.#context.log({ fact: 'postponed', model: this.#lease.model, requests: requests.length, untilMs });
  }

  /** A request whose attempts are used up, though no run of its own has just failed. */
  async giveUp({ source, id, copies }: Candidate<Received>): Promise<void> {
    const { failed } = waitingOf(this.#lease.ledger, { source, id });
    const description = `the trainer was interrupted too often without progress; attempts counted: ${failed}`;
    await this.deadLetter(copies, { reason: 'TrainingFailed', description, request: { source, id } });
    await this.#lease.write({ type: 'forgotten', request: { source, id } });
  }

  /** Tells that a request is given up (when it could be read), and dead-letters it. */
  async deadLetter(copies: readonly Copy[], { request, ...letter }: Letter & { request?: RequestRef }): Promise<void> {
    if (request) await this.#tell('deadlettered', [request], letter.reason, letter.description);
    await this.bury(copies, letter);
  }

  /** Dead-letters one message of a request; further copies of it are completed. */
  async bury([first, ...others]: readonly Copy[], letter: Letter): Promise<void> {
    if (first) await this.#messages.deadLetter(first.message, letter);
    for (const { message } of others) await this.#messages.complete(message);
  }

  /** The newest clone that the ledger knows of a request. */
  cloneOf(request: RequestRef): { hop: number; atMs: number } {
    const { hop, cloneAtMs } = waitingOf(this.#lease.ledger, request);
    return { hop, atMs: cloneAtMs };
  }

  /** Sends the clone; false when the request would expire before it becomes active. */
  async sendClone(event: RequestEvent, { hop, atMs }: { hop: number; atMs: number }): Promise<boolean> {
    let clone;
    try {
      clone = cloneMessage(event, { hop, activeAtMs: atMs, nowMs: this.#context.clock.wallMs() });
    } catch (error) {
      if (error instanceof RetrainError) return false;
      throw error;
    }
    await this.#context.send(clone);
    return true;
  }

  async #replace(
    event: RequestEvent,
    { hop, atMs, copies }: { hop: number; atMs: number; copies: readonly Copy[] },
  ): Promise<void> {
    if (await this.sendClone(event, { hop, atMs })) {
      for (const { message } of copies) await this.#messages.complete(message);
      return;
    }
    await this.deadLetter(copies, { ...expired(event, atMs), request: { source: event.source, id: event.id } });
  }

  #tell(
    outcome: 'cancelled' | 'deadlettered',
    requests: readonly RequestRef[],
    step: string,
    reason?: string,
  ): Promise<void> {
    const { model } = this.#lease;
    const atMs = this.#context.clock.wallMs();
    const events = requests.map(({ source, id }) =>
      outcomeEvent(outcome, { data: { model, request: { source, id }, ...(reason && { reason }) }, atMs, step }),
    );
    return this.#context.outcomes.tell(events);
  }
}

/** Why a request is given up that would expire while it waits. */
export function expired({ expirytime }: RequestEvent, atMs: number): Letter {
  const at = new Date(atMs).toISOString();
  return { reason: 'DeadlineExceeded', description: `it would have to wait until ${at}, but expires at ${expirytime}` };
}
