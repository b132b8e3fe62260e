import { pause } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { backoffMs } from '../backoff.ts';
import type { Backoff } from '../backoff.ts';
import { runNotifyCommand } from './notify-command.ts';
import type { NotifyLog } from './notify-log.ts';
import type { NotifyRule } from './notify-settings.ts';
import type { Notification } from './notify-text.ts';
import { postWebhook } from './webhook.ts';
import type { Delivery } from './webhook.ts';

/** Between two tries; a Retry-After counts when it is longer. */
const RETRY_BACKOFF: Backoff = { baseMs: 1_000, maxMs: 300_000 };
/** How long what is being sent may still take when the notifier stops. */
const STOP_MS = 5_000;

export type DeliveryEnd =
  | { readonly kind: 'told' }
  | { readonly kind: 'failed'; readonly reason: string }
  /** The notifier stops: whether it was told is open. */
  | { readonly kind: 'stopped' };

export interface DeliveriesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: NotifyLog;
  readonly stopping: AbortSignal;
  readonly baseFolder?: string | undefined;
}

/** Sends notifications, each until it arrived or its tries are used up. */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #givingUp = new AbortController();

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  async deliver(notification: Notification, rule: NotifyRule): Promise<DeliveryEnd> {
    const { clock, random, log, stopping } = this.#options;
    for (let tries = 1; ; tries++) {
      if (stopping.aborted) return { kind: 'stopped' };
      const result = await this.#send(notification, rule);
      if (result.kind === 'told') return result;
      if (this.#givingUp.signal.aborted) return { kind: 'stopped' };
      const { reason } = result;
      const about = {
        fact: 'notify-failed',
        rule: notification.rule,
        model: notification.model,
        reason,
        tries,
      } as const;
      if (tries >= rule.tries) {
        log(about);
        return { kind: 'failed', reason: `${reason}; ${tries} ${tries === 1 ? 'try was' : 'tries were'} made` };
      }
      const retryInMs = Math.max(result.retryAfterMs ?? 0, backoffMs(tries, RETRY_BACKOFF, random));
      log({ ...about, retryInMs });
      await pause(clock, retryInMs, stopping);
    }
  }

  /** Waits for what is being sent, but only so long. */
  async end(sending: Promise<unknown>): Promise<void> {
    const ended = new AbortController();
    const all = sending.finally(() => ended.abort());
    await Promise.race([all, pause(this.#options.clock, STOP_MS, ended.signal)]);
    this.#givingUp.abort();
    await all;
  }

  #send(notification: Notification, rule: NotifyRule): Promise<Delivery> {
    const { clock, baseFolder } = this.#options;
    const options = { clock, timeoutMs: rule.timeout, signal: this.#givingUp.signal };
    return rule.webhook
      ? postWebhook(rule.webhook, notification, options)
      : runNotifyCommand({ command: rule.command, env: rule.env, baseFolder }, notification, options);
  }
}
