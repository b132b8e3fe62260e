import type { DeliveryState, IncomingDelivery } from '../../src/amqp/index.ts';
import { ACCEPTED } from '../../src/amqp/index.ts';
import type { DeliveryRecord, Part, Settlement } from './copy-history.ts';
import type { QueueModel } from './queue-model.ts';
import type { ReceivingLink } from './receiving-link.ts';
import type { SeededRandom } from './seeded-random.ts';

/** `reason`: of a dead letter. */
export function stateOf(kind: Settlement['kind'], reason = 'simulated'): DeliveryState {
  switch (kind) {
    case 'complete':
      return ACCEPTED;
    case 'abandon':
      return { kind: 'modified', undeliverableHere: false };
    case 'defer':
      return { kind: 'modified', undeliverableHere: true };
    case 'dead-letter':
      return {
        kind: 'rejected',
        error: {
          condition: 'com.microsoft:dead-letter',
          info: new Map([
            ['DeadLetterReason', reason],
            ['DeadLetterErrorDescription', 'a receiver said so'],
          ]),
        },
      };
  }
}

/** What a receiver does with a message; undefined: nothing, its lock will end by itself. */
export function decide(random: SeededRandom, from: Part): Settlement['kind'] | undefined {
  const dice = random.fraction();
  if (dice < 0.7) return 'complete';
  if (dice < 0.84) return 'abandon';
  if (from !== 'queue') return undefined;
  if (dice < 0.9) return 'dead-letter';
  return dice < 0.96 ? 'defer' : undefined;
}

/** Settles over the link on which the message came, and tells the model what became of it. */
export async function settle(options: {
  readonly model: QueueModel;
  readonly link: ReceivingLink;
  readonly delivery: IncomingDelivery;
  readonly kind: Settlement['kind'];
}): Promise<void> {
  const { model, link, delivery, kind } = options;
  if (link.gone !== undefined) return;
  const record = delivery.context as DeliveryRecord;
  model.startSettle(record, kind);
  model.endSettle(record, await link.settle(delivery, stateOf(kind)));
}
