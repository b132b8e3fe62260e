import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { RetrainError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { clipText } from '../clipped-text.ts';
import { cloneMessage, readModelEvent } from '../envelope.ts';
import type { CancelEvent, RequestEvent } from '../envelope.ts';
import { INTERRUPTIONS_PER_ATTEMPT } from './ledger.ts';
import { waitingOf } from './ledger-view.ts';
import { evidenceData, outcomeEvent } from '../outcome.ts';
import type { OutcomeData, OutcomeEvent } from '../outcome.ts';
import { REASON_MAX_BYTES } from './ledger-record.ts';
import type { RequestRef } from './ledger-record.ts';
import { sendPatiently } from './patient-send.ts';
import { SessionRenewed, isPassing, isTooLarge, messageOf } from './session-errors.ts';
import type { SessionLease } from './session-lease.ts';
import type { Carrier, SessionMessages } from './session-messages.ts';
import type { WorkerContext } from './worker-context.ts';
import { deadlineOf, isOverdue } from './worker-sort.ts';
import type { Candidate, DeadLetterReason, Disposal } from './worker-sort.ts';

type Received = ServiceBusReceivedMessage;
type Copy = Pick<Carrier['copies'][number], 'message'>;

/** Requests whose clones are numbered in one write: few enough that the ledger remembers all of them until they are sent. */
const POSTPONED_AT_ONCE = 100;

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
  readonly #stop: AbortSignal;
  #failure: unknown;

  constructor({ context, lease, messages }: DisposalsOptions) {
    this.#context = context;
    this.#lease = lease;
    this.#messages = messages;
    this.#stop = AbortSignal.any([context.shutdown, lease.lost]);
  }

  /** Of a message that can never be disposed of, the others of the session do not have to suffer: see `failure`. */
  async dispose(disposal: Disposal<Received>): Promise<void> {
    try {
      await this.#dispose(disposal);
    } catch (error) {
      const ended = error instanceof SessionRenewed || this.#lease.lost.aborted;
      if (ended || isPassing(error) || hasCode(error, 'LEDGER_INVALID')) throw error;
      const own = disposal.kind === 'cancel' ? disposal.messages.at(-1) : disposal.message;
      if (!own) throw error;
      if (isTooLarge(error)) return this.#messages.deadLetter(own, unsendable('what has to be told of it', error));
      this.#messages.setAside(own);
      this.#failure ??= error;
    }
  }

  /** What kept a message from being disposed of; it is set aside, and delivered again with the next acceptance of the session. */
  get failure(): unknown {
    return this.#failure;
  }

  async #dispose(disposal: Disposal<Received>): Promise<void> {
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
        await this.#tellCancelled(disposal.targets, disposal.event);
        for (const request of disposal.targets)
          await this.#lease.write({ type: 'answered', request, answer: 'cancelled' });
        for (const message of disposal.messages) await this.#messages.complete(message);
        log({ fact: 'cancelled', model, id: disposal.event.data.requestId, targets: disposal.targets.length });
      }
    }
  }

  /** Sends each request away as a clone that becomes active at `untilMs`: cool-down, spent budget, pause after an interruption. */
  async postpone(
    candidates: readonly Candidate<Received>[],
    { untilMs, cause }: { untilMs: number; cause: NonNullable<OutcomeData['cause']> },
  ): Promise<void> {
    for (let at = 0; at < candidates.length; at += POSTPONED_AT_ONCE) {
      const some = candidates.slice(at, at + POSTPONED_AT_ONCE);
      await this.#tellPostponed(some, { untilMs, cause });
      const requests = some.map(({ source, id, hop }) => ({ source, id, hop }));
      await this.#lease.write({ type: 'postponed', requests, untilMs });
      for (const { event, copies } of some) await this.#replace(event, { ...this.cloneOf(event), copies });
    }
    this.#context.log({ fact: 'postponed', model: this.#lease.model, requests: candidates.length, untilMs });
  }

  /** A request whose attempts are used up, though no run of its own has just failed. */
  async giveUp({ source, id, copies }: Candidate<Received>): Promise<void> {
    const { failed, killed } = waitingOf(this.#lease.ledger, { source, id });
    const description =
      `no further attempt is made; counted: ${failed}, of which ${killed} were killed ` +
      `(${INTERRUPTIONS_PER_ATTEMPT} interruptions in a row without progress count as one)`;
    await this.deadLetter(copies, { reason: 'TrainingFailed', description, request: { source, id } });
    await this.#lease.write({ type: 'forgotten', request: { source, id } });
  }

  /** Tells that a request is given up (when it could be read), and dead-letters it. */
  async deadLetter(copies: readonly Copy[], { request, ...letter }: Letter & { request?: RequestRef }): Promise<void> {
    await this.#tellDeadLetter(copies, { request, letter });
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

  /** Sends the clone; returns why the request has to be given up when it can have none. */
  async sendClone(event: RequestEvent, { hop, atMs }: { hop: number; atMs: number }): Promise<Letter | undefined> {
    const { retrainhop = 0, id } = event;
    // Its MessageId would have been used before: duplicate detection would swallow it.
    if (hop <= retrainhop)
      throw new RetrainError('LEDGER_INVALID', `clone ${hop} of ${id} does not come after ${retrainhop}`);
    // It would come back only to be dead-lettered: whoever asked is told now.
    if (isOverdue(event, atMs)) return overdue(event, atMs);
    try {
      const { clock, random } = this.#context;
      const clone = cloneMessage(event, { hop, activeAtMs: atMs, nowMs: this.#nowMs() });
      const onFailure = (error: unknown, tries: number): void => this.#logUnsent(id, error, tries);
      await sendPatiently(() => this.#context.send(clone), { clock, random, stop: this.#stop, onFailure });
      return undefined;
    } catch (error) {
      if (hasCode(error, 'REQUEST_INVALID')) return overdue(event, atMs);
      if (isTooLarge(error)) return unsendable('its clone', error);
      throw error;
    }
  }

  #logUnsent(id: string, error: unknown, tries: number): void {
    if (tries > 1) return;
    const reason = `the clone of ${id} cannot be sent: ${messageOf(error)}`;
    this.#context.log({ fact: 'operation-retried', model: this.#lease.model, reason });
  }

  async #replace(
    event: RequestEvent,
    { hop, atMs, copies }: { hop: number; atMs: number; copies: readonly Copy[] },
  ): Promise<void> {
    const letter = await this.sendClone(event, { hop, atMs });
    if (letter) return this.deadLetter(copies, { ...letter, request: { source: event.source, id: event.id } });
    for (const { message } of copies) await this.#messages.complete(message);
  }

  async #tellDeadLetter(
    [first]: readonly Copy[],
    { request, letter }: { request: RequestRef | undefined; letter: Letter },
  ): Promise<void> {
    if (!first) return;
    const { model } = this.#lease;
    const { messageId, sequenceNumber } = first.message;
    const read = readModelEvent(first.message);
    const deadLetter = {
      queue: this.#context.queue,
      reason: letter.reason,
      ...(typeof messageId === 'string' && { messageId }),
    };
    const data: OutcomeData = {
      model,
      ...(request && { request: { source: request.source, id: request.id } }),
      reason: clipText(letter.description, { maxBytes: REASON_MAX_BYTES, keep: 'start' }),
      deadLetter,
      ...(read.kind === 'request' && evidenceData([read.event])),
    };
    // What could not be read has no identity but its place in the queue.
    const place = `${this.#context.queue}.${sequenceNumber?.toString() ?? ''}`;
    const step = request ? letter.reason : `${letter.reason}.${place}`;
    await this.#tell([outcomeEvent('deadlettered', { data, atMs: this.#nowMs(), step })]);
  }

  /** Under the number that the clone will get: the ledger is written next, and told again it is the same event. */
  #tellPostponed(
    candidates: readonly Candidate<Received>[],
    { untilMs, cause }: { untilMs: number; cause: NonNullable<OutcomeData['cause']> },
  ): Promise<void> {
    const { model, ledger } = this.#lease;
    const retryAt = new Date(untilMs).toISOString();
    const events = candidates.map(({ source, id, hop, event }) => {
      const known = waitingOf(ledger, { source, id }).hop;
      const data = { model, request: { source, id }, cause, retryAt, ...evidenceData([event]) };
      return outcomeEvent('postponed', { data, atMs: this.#nowMs(), step: known > hop ? known : hop + 1 });
    });
    return this.#tell(events);
  }

  #tellCancelled(targets: readonly RequestRef[], { source, id: step }: CancelEvent): Promise<void> {
    const { model } = this.#lease;
    const events = targets.map((request) => {
      const data = { model, request: { source: request.source, id: request.id }, cancel: { source, id: step } };
      return outcomeEvent('cancelled', { data, atMs: this.#nowMs(), step });
    });
    return this.#tell(events);
  }

  #tell(events: readonly OutcomeEvent[]): Promise<void> {
    return this.#context.outcomes.tell(events, this.#stop);
  }

  #nowMs(): number {
    return this.#context.clock.wallMs();
  }
}

function unsendable(what: string, error: unknown): Letter {
  return { reason: 'InvalidRequest', description: `${what} cannot be sent: ${messageOf(error)}` };
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof RetrainError && error.code === code;
}

/** Why a request is given up whose deadline would pass while it waits. */
function overdue(event: RequestEvent, atMs: number): Letter {
  const at = new Date(atMs).toISOString();
  const description = `it would have to wait until ${at}, but its deadline is ${deadlineOf(event)}`;
  return { reason: 'DeadlineExceeded', description };
}
