import type { RequestEvent } from '../envelope.ts';
import { evidenceData, outcomeEvent, pendingOutcomes, runData, startEvents } from '../outcome.ts';
import type { OutcomeData, RunDetails } from '../outcome.ts';
import { present } from '../present.ts';
import { advance } from './ledger.ts';
import type { LedgerEvent } from './ledger.ts';
import type { AppliedRun, Run, StartedRun, StoppedRun } from './ledger-record.ts';
import { waitingOf } from './ledger-view.ts';
import type { SessionLease } from './session-lease.ts';
import type { SessionMessages } from './session-messages.ts';
import { limitsOf } from './worker-context.ts';
import type { WorkerContext } from './worker-context.ts';

/** Where the requests of a run that failed for good go. */
const FAILED = 'TrainingFailed';

/**
 * Tells outcome events about runs, with what their ledger has no room for: evidence, from the messages that are at hand;
 * the gate's rule, from the policy. What is told before the ledger knows of it is told again after a crash, as the same event.
 */
export class RunTelling {
  readonly #context: WorkerContext;
  readonly #lease: SessionLease;
  readonly #messages: SessionMessages;
  readonly #stop: AbortSignal;

  constructor({
    context,
    lease,
    messages,
  }: {
    context: WorkerContext;
    lease: SessionLease;
    messages: SessionMessages;
  }) {
    this.#context = context;
    this.#lease = lease;
    this.#messages = messages;
    this.#stop = AbortSignal.any([context.shutdown, lease.lost]);
  }

  /** Told at every execution, again after a crash: under the same ids, but for the epoch of `started`. */
  async started(run: StartedRun, events: readonly RequestEvent[]): Promise<void> {
    const { model } = this.#lease;
    await this.#context.outcomes.tell(startEvents(run, { model, events, details: this.#details(run) }), this.#stop);
  }

  /** @param event what the ledger will be told */
  async interrupted(
    run: Run,
    { event, ...told }: { event: LedgerEvent; reason: string; progress?: number },
  ): Promise<void> {
    const { model, ledger } = this.#lease;
    const { attempt, maxAttempts, events = new Map<string, RequestEvent>() } = this.#details(run);
    const after = advance(ledger, event);
    const interruptions = Math.max(...run.requests.map((request) => waitingOf(after, request).interrupted));
    const known = present({ attempt, maxAttempts, interruptions });
    const data = { ...runData(model, run), ...told, ...known, ...evidenceData([...events.values()]) };
    const atMs = this.#context.clock.wallMs();
    await this.#context.outcomes.tell([outcomeEvent('interrupted', { data, atMs, step: run.epoch })], this.#stop);
  }

  async ended(run: AppliedRun | StoppedRun): Promise<void> {
    const { model } = this.#lease;
    await this.#context.outcomes.tell(pendingOutcomes(run, { model, details: this.#details(run) }), this.#stop);
  }

  #details(run: Run): RunDetails {
    const { ledger, model } = this.#lease;
    const policy = this.#context.policyOf(model);
    const events = new Map<string, RequestEvent>();
    const deadLetters = new Map<string, NonNullable<OutcomeData['deadLetter']>>();
    for (const [key, { event, copies }] of this.#messages.carriersOf(run.requests)) {
      events.set(key, event);
      const messageId = copies[0]?.message.messageId;
      const known = typeof messageId === 'string' ? { messageId } : {};
      deadLetters.set(key, { queue: this.#context.queue, reason: FAILED, ...known });
    }
    return {
      events,
      deadLetters,
      gate: policy?.gate,
      attempt: Math.max(...run.requests.map((request) => waitingOf(ledger, request).failed)),
      maxAttempts: policy && limitsOf(policy).maxAttempts,
    };
  }
}
