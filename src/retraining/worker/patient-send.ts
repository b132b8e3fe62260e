import { isServiceBusError } from '@azure/service-bus';
import { pause } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { backoffMs } from '../backoff.ts';
import type { Backoff } from '../backoff.ts';
import { isTooLarge } from './session-errors.ts';

/**
 * Tries of one send that the broker refuses for what it is itself: full, disabled, busy, not reachable. With the backoff below
 * half an hour on the average. Giving the session back instead would have all of it received, sorted out and told anew, by
 * somebody for whom the broker has no more room.
 */
export const SEND_TRIES_MAX = 64;
/** Tries of a send that fails for any other reason. */
const OTHER_TRIES_MAX = 5;
const SEND_BACKOFF: Backoff = { baseMs: 250, maxMs: 60_000 };

export interface PatientSendOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts when nothing is waited for any more: the last error is raised. */
  readonly stop: AbortSignal;
  /** Told of every try that failed. */
  readonly onFailure: (error: unknown, tries: number) => void;
}

/** Sends while the session is held, until the broker has accepted; raises what the last try raised, at once for a message that is too large. */
export async function sendPatiently(
  send: () => Promise<void>,
  { clock, random, stop, onFailure }: PatientSendOptions,
): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      await send();
      return;
    } catch (error) {
      onFailure(error, tries);
      const triesMax = isServiceBusError(error) ? SEND_TRIES_MAX : OTHER_TRIES_MAX;
      if (isTooLarge(error) || tries >= triesMax || stop.aborted) throw error;
      await pause(clock, backoffMs(tries, SEND_BACKOFF, random), stop);
    }
}
