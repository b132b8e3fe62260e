import type { ServiceBusMessage } from '@azure/service-bus';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { outcomeMessage, outcomeOf } from '../outcome.ts';
import type { OutcomeEvent } from '../outcome.ts';
import { sendPatiently } from './patient-send.ts';
import { messageOf } from './session-errors.ts';
import type { WorkerLog } from './worker-log.ts';

/** Messages sent at the same time. */
const SEND_AT_ONCE = 16;

export interface OutcomesOptions {
  /** Sends one message to the outcome queue or topic; absent when there is none. */
  readonly send?: ((message: ServiceBusMessage) => Promise<void>) | undefined;
  /** Keeps an event in the local outcome log; absent when there is none. */
  readonly keep?: ((event: OutcomeEvent) => Promise<void>) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: WorkerLog;
}

/**
 * Where outcome events go: the local log, and a queue or topic. At least once; several told together may
 * arrive in any order.
 */
export class Outcomes {
  readonly #options: OutcomesOptions;

  constructor(options: OutcomesOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the broker has accepted every event; raises what the last try raised.
   *
   * @param stop aborts when the session is lost or the worker is to stop: then nothing is tried again
   */
  async tell(events: readonly OutcomeEvent[], stop: AbortSignal): Promise<void> {
    for (let at = 0; at < events.length; at += SEND_AT_ONCE)
      await Promise.all(events.slice(at, at + SEND_AT_ONCE).map((event) => this.#send(event, stop)));
    for (const event of events) await this.#keep(event);
  }

  /** For progress: what cannot be told is not worth a wait. */
  async tellOnce(event: OutcomeEvent): Promise<void> {
    const { send, clock } = this.#options;
    try {
      await send?.(outcomeMessage(event, { nowMs: clock.wallMs() }));
    } catch (error) {
      this.#untold(event, error);
    }
    await this.#keep(event);
  }

  /** The local log is a cache: a full disk must not keep a run from being told and settled. */
  async #keep(event: OutcomeEvent): Promise<void> {
    await this.#options.keep?.(event).catch((error: unknown) => this.#untold(event, error));
  }

  #untold(event: OutcomeEvent, error: unknown): void {
    const { subject: model } = event;
    this.#options.log({ fact: 'outcome-untold', model, outcome: outcomeOf(event), reason: messageOf(error) });
  }

  async #send(event: OutcomeEvent, stop: AbortSignal): Promise<void> {
    const { send, clock, random } = this.#options;
    if (!send) return;
    const onFailure = (error: unknown): void => this.#untold(event, error);
    await sendPatiently(() => send(outcomeMessage(event, { nowMs: clock.wallMs() })), {
      clock,
      random,
      stop,
      onFailure,
    });
  }
}
