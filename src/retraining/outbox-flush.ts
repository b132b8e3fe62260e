import type { ServiceBusMessage } from '@azure/service-bus';
import type { Clock } from '../runtime/clock.ts';
import { requestMessage } from './envelope.ts';
import { isRefusal } from './message-sender.ts';
import type { RetryingSender } from './message-sender.ts';
import type { Outbox } from './outbox.ts';

/** Requests that are read from the outbox and sent at a time. */
const CHUNK = 100;

export interface FlushResult {
  readonly sent: number;
  /** Requests past their expiry time; they are dropped. */
  readonly expired: number;
  /** What could not be read, or is refused for its size or form and would be refused again; it stays where it is. */
  readonly failed: readonly { readonly name: string; readonly error: Error }[];
}

interface FlushOptions {
  readonly outbox: Outbox;
  readonly sender: RetryingSender;
  readonly clock: Clock;
  /** Entries that this process is sending itself right now. */
  readonly inFlight: ReadonlySet<string>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends what is left over in an outbox, oldest first. The ids are the same, so that duplicate detection drops what the broker
 * had accepted after all. A request that is refused for what it is does not hold up those behind it. Raises what stops all of
 * them (unreachable, unauthorized…); what it sent until then is gone. Stops early, without error, when `signal` aborts.
 */
export async function flushOutbox(options: FlushOptions): Promise<FlushResult> {
  const { outbox, inFlight } = options;
  const names = (await outbox.names()).filter((name) => !inFlight.has(name));
  let sent = 0;
  let expired = 0;
  const failed: { name: string; error: Error }[] = [];
  for (let from = 0; from < names.length && options.signal?.aborted !== true; from += CHUNK) {
    const part = await flushChunk(names.slice(from, from + CHUNK), options);
    sent += part.sent;
    expired += part.expired;
    failed.push(...part.failed);
    if (part.stopped) throw part.stopped;
  }
  return { sent, expired, failed };
}

async function flushChunk(
  names: readonly string[],
  { outbox, sender, clock }: FlushOptions,
): Promise<FlushResult & { readonly stopped: Error | undefined }> {
  const failed: { name: string; error: Error }[] = [];
  const ready: { name: string; message: ServiceBusMessage }[] = [];
  let expired = 0;
  for (const name of names) {
    const entry = await outbox.get(name).catch(errorOf);
    if (entry === undefined) continue;
    const nowMs = clock.wallMs();
    if (entry instanceof Error) failed.push({ name, error: entry });
    else if (isOver(entry.event.expirytime, Math.max(nowMs, entry.activeAtMs ?? 0))) {
      await outbox.remove(name);
      expired++;
    } else {
      const { event, activeAtMs, messageId = event.id } = entry;
      try {
        ready.push({ name, message: requestMessage(event, { messageId, nowMs, activeAtMs }) });
      } catch (error) {
        failed.push({ name, error: errorOf(error) });
      }
    }
  }
  const errors = await sender.sendAll(ready.map(({ message }) => message));
  let sent = 0;
  let stopped: Error | undefined;
  for (const [index, { name }] of ready.entries()) {
    const error = errors[index];
    if (error === undefined) {
      await outbox.remove(name);
      sent++;
    } else if (isRefusal(error)) failed.push({ name, error });
    else stopped ??= error;
  }
  return { sent, expired, failed, stopped };
}

function isOver(expirytime: string | undefined, atMs: number): boolean {
  return expirytime !== undefined && Date.parse(expirytime) <= atMs;
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
