import { MessageState, type MessageTable } from './message-table.ts';

/**
 * The first messages that a batch delete takes: neither locked nor scheduled, and enqueued before a time (service-bus-batch-delete). `slots` come in
 * the order of their sequence numbers, with which enqueued times rise.
 */
export function oldestDeletable(
  messages: MessageTable,
  slots: Iterable<number>,
  options: { readonly count: number; readonly enqueuedBeforeMs: number },
): number[] {
  const { state, enqueuedTimeMs } = messages;
  const found: number[] = [];
  for (const slot of slots) {
    if (found.length >= options.count) break;
    // A scheduled one may be younger than its number tells, which a transaction can promise long before it sends.
    if (state[slot] === MessageState.scheduled) continue;
    if ((enqueuedTimeMs[slot] as number) >= options.enqueuedBeforeMs) break;
    if (state[slot] !== MessageState.locked) found.push(slot);
  }
  return found;
}
